internal import Configurations
internal import DurableFiles
internal import JobSpec
internal import Problems
internal import Text

/// The prompts of a request's samples.
struct PromptList {
    /// Sample i has entry i, from the start again where there are more samples.
    let positive: [String]
    /// What guidance leads away from; nil: nothing was said.
    let negative: [String]?
    private let syntax: PromptOptions.Syntax

    /// Reads the file of prompts, where there is one.
    ///
    /// - Returns: nil where the job gives no prompt.
    /// - Throws: what is wrong with the file or a prompt in it.
    init?(_ options: PromptOptions, _ context: JobContext) throws {
        guard options.isGiven else { return nil }
        syntax = options.syntax
        negative = options.negativePrompt
        positive =
            try options.prompt
            ?? options.promptFile.map { path in
                let role = JobInput.Role.promptFile
                return try pointing(to: role.jsonPath) { try Self.lines(of: context.permitted(path), options, context) }
            } ?? []
    }

    private static func lines(of path: String, _ options: PromptOptions, _ context: JobContext) throws -> [String] {
        let bytes = try context.files.read(path, limit: PromptOptions.largestFile)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem(.invalid, "the file of prompts is not UTF-8", remedy: "Save it as UTF-8.", file: path)
        }
        let mark: Character = "\u{FEFF}"
        var lines = text.trimmingPrefix(String(mark)).split(omittingEmptySubsequences: false) { $0.isNewline }.map(
            String.init)
        // The last line ends with a line break, or has none.
        if lines.last == "" { lines.removeLast() }
        guard !lines.isEmpty else {
            throw Problem(.invalid, "the file of prompts is empty", remedy: "Write a prompt in each line.", file: path)
        }
        for (number, line) in lines.enumerated() {
            guard let misfit = options.misfit(of: line, "prompt_file") else { continue }
            throw Problem(misfit.code, misfit.message, remedy: misfit.remedy, file: path, line: number + 1)
        }
        return lines
    }

    func positive(of sample: Int) -> String { positive[sample % positive.count] }

    func negative(of sample: Int) -> String? { negative.map { $0[sample % $0.count] } }

    /// A prompt in the job's syntax.
    ///
    /// - Throws: what the syntax does not allow.
    func parsed(_ text: String) throws -> Prompt { syntax == .plain ? Prompt(text) : try Prompt(weighted: text) }
}
