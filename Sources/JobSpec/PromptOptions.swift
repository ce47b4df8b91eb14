public import Configurations
import Problems
public import StrictJSON

/// What a job says to a model that reads text.
public struct PromptOptions: Described, Hashable {
    /// How weights of words are written.
    public enum Syntax: String, Sendable, CaseIterable {
        /// Not at all.
        case plain
        /// `(word:1.2)`, `[word]` and `BREAK`, as AUTOMATIC1111's web UI reads them.
        case weighted
    }

    /// What becomes of a prompt of more tokens than the text encoder takes.
    public enum LongPrompt: String, Sendable, CaseIterable {
        case truncate
        /// Parts of 75 tokens are encoded one by one.
        case chunks
    }

    /// Sample i has prompt `prompt[i % prompt.count]`.
    public var prompt: [String]?
    /// What guidance leads away from; nil: the empty prompt.
    public var negativePrompt: [String]?
    /// A text file with a prompt a line, in the place of `prompt`.
    public var promptFile: String?
    /// How many of the text encoder's last layers are left out, as diffusers counts.
    public var clipSkip = 0
    public var syntax = Syntax.plain
    public var longPrompt = LongPrompt.truncate
    /// Characters.
    public var maxPromptLength = 1024
    /// Files of textual inversion.
    public var embeddings: [String] = []
    /// Each is added to the weights of the model, not to each other's result.
    public var loras: [LoraOptions] = []

    public init() {}

    /// Whether the job has prompts at all.
    public var isGiven: Bool { prompt != nil || promptFile != nil }

    /// Bytes of a file of prompts.
    public static let largestFile = 16 << 20

    public static let fields: [Field<Self>] = [
        Field(
            "prompt", \.prompt, .optional(.texts),
            "What is to be seen, for a model that reads text: a text, or a list, from which sample i takes entry i, from the "
                + "start again where there are more samples; null: none."),
        Field(
            "negative_prompt", \.negativePrompt, .optional(.texts),
            "What guidance leads away from, as a text or a list; null: the empty prompt."),
        Field(
            "prompt_file", \.promptFile, .optional(.string()),
            "In the place of prompt: a UTF-8 text file with a prompt in each line; null: none."),
        Field(
            "clip_skip", \.clipSkip, .integer(in: 0...100),
            "How many of the last layers of a CLIP text encoder are left out, as diffusers counts: 1 is what other programs "
                + "call 2."),
        Field(
            "prompt_syntax", \.syntax, .choice(),
            "How weights are written in prompts: not at all (plain), or as (word:1.2), [word] and BREAK (weighted)."),
        Field(
            "long_prompt", \.longPrompt, .choice(),
            "What becomes of a prompt of more tokens than the text encoder takes: it is cut off (truncate), or encoded in parts "
                + "of 75 tokens (chunks)."),
        Field(
            "max_prompt_length", \.maxPromptLength, .integer(in: 1...100_000), "Characters that a prompt may have."),
        Field(
            "embeddings", \.embeddings, .list(.string(), count: 0...100),
            "Safetensors files of textual inversion, whose tokens prompts may use."),
        Field(
            "loras", \.loras, .list(.object, count: 0...100),
            "Adapters that are added to the weights of the model and its text encoders: LoRA, LoHa, LoKr and DoRA, as kohya's "
                + "scripts, LyCORIS, diffusers and PEFT write them."),
    ]

    public func validate(_ checks: inout Checks) {
        if prompt != nil, promptFile != nil {
            checks.fail(
                "prompt_file", and: ["prompt"], "both prompt and prompt_file are given", remedy: "Keep one of them.")
        }
        for (key, texts) in [("prompt", prompt), ("negative_prompt", negativePrompt)] {
            for text in texts ?? [] {
                guard let misfit = misfit(of: text, key) else { continue }
                checks.fail(misfit)
                break
            }
        }
        guard !isGiven else { return }
        let usual = PromptOptions()
        for (key, isSet) in [
            ("negative_prompt", negativePrompt != nil), ("clip_skip", clipSkip != 0),
            ("prompt_syntax", syntax != .plain),
            ("long_prompt", longPrompt != .truncate), ("max_prompt_length", maxPromptLength != usual.maxPromptLength),
            ("embeddings", !embeddings.isEmpty), ("loras", !loras.isEmpty),
        ] where isSet {
            checks.fail(
                key, and: ["prompt", "prompt_file"], "\(key) has no meaning without a prompt",
                remedy: "Add \"prompt\", or remove it.")
        }
    }

    /// What is wrong with a prompt by itself.
    ///
    /// - Parameter key: that it was read from.
    public func misfit(of text: String, _ key: String) -> Misfit? {
        if text.unicodeScalars.contains(where: {
            $0.value < 0x20 && !"\n\t\r".unicodeScalars.contains($0) || $0.value == 0x7F
        }) {
            return Misfit(key, "a prompt holds a control character", remedy: "Remove it.")
        }
        let count = text.unicodeScalars.count
        guard count > maxPromptLength else { return nil }
        return Misfit(
            key, and: ["max_prompt_length"],
            "a prompt has \(count) characters, more than the \(maxPromptLength) of max_prompt_length",
            remedy: "Shorten it, or raise max_prompt_length.")
    }
}
