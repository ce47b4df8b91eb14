import ArgumentParser
import Configurations
import ControlAPI
import DurableFiles
import Foundation
import JobSpec
import Problems
import Service
import StrictJSON

struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check job files, and tell everything that is wrong with them.",
        discussion: """
            Of jobs that use a model, the model and the files beside it are opened too: what the model is and is conditioned on, how \
            much memory the job will take, and about how long a step will take on this machine. They are looked for in the spool of \
            --spool, otherwise of the daemon that answers; where there is neither, only the file itself is checked.
            """)

    @Argument(
        help: "Job files, directories with a job.json, or - for standard input.",
        completion: .file(extensions: ["json"]))
    var file: [String]
    @Option(help: ArgumentHelp("Directory of the spool.", valueName: "path")) var spool: String?
    @OptionGroup var overrides: OverrideOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    struct Checked {
        var path: String
        var result: Result<JobFile, Problems>
        /// Of the model and the files; nil where they were not opened.
        var examined: JobExamination.Outcome?
    }

    func run() throws {
        var checked = Self.read(file, overrides)
        // Without a daemon there may be no spool.
        if let spool = spool ?? (try? connection.client.health().spool) {
            for index in checked.indices {
                guard case .success(let file) = checked[index].result, file.spec.usesModel else { continue }
                let outcome = try Self.examine(file, Self.absolute(spool))
                checked[index].examined = outcome
                guard !outcome.problems.isEmpty else { continue }
                checked[index].result = .failure(
                    Problems(
                        outcome.problems.map { problem in
                            var problem = problem
                            problem.file = problem.file ?? checked[index].path
                            return problem
                        }))
            }
        }
        try output.write(Report(checked)) { style in Self.text(checked, style) }
        let failed = checked.contains { if case .failure = $0.result { true } else { false } }
        if failed { throw Failure(.badJobFile) }
    }

    private static func absolute(_ path: String) -> String {
        Path.join(FileManager.default.currentDirectoryPath, path)
    }

    private static func examine(_ file: JobFile, _ spool: String) throws -> JobExamination.Outcome {
        let threads = file.spec.common.resources.threads ?? ProcessInfo.processInfo.activeProcessorCount
        let order = JobExamination(
            job: String(decoding: file.bytes, as: UTF8.self), name: file.name, spool: spool,
            directory: file.isBundle ? absolute(file.path) : nil, threads: threads)
        return try WorkerProgram.answer(
            to: order, JobExamination.option, program: WorkerProgram.path(named: nil))
    }

    /// Reads all files: those that are good, and what is wrong with the others.
    static func sort(_ paths: [String], _ overrides: OverrideOptions) -> (files: [JobFile], faults: [Problem]) {
        var files: [JobFile] = []
        var faults: [Problem] = []
        for checked in read(paths, overrides) {
            switch checked.result {
            case .success(let file): files.append(file)
            case .failure(let problems): faults += problems.all
            }
        }
        return (files, faults)
    }

    private static func read(_ paths: [String], _ overrides: OverrideOptions) -> [Checked] {
        paths.map { path in
            Checked(
                path: path,
                result: Result { () throws(Problems) in try JobFile(path: path, overrides: overrides.overrides) })
        }
    }

    private static func text(_ checked: [Checked], _ style: Style) -> String {
        checked.map { checked in
            switch checked.result {
            case .success(let file):
                ([
                    "\(printable(checked.path)): \(style.paint("good", .green)), \(article(file.spec.kind)) "
                        + "\(file.spec.kind.rawValue) job named \(file.spec.name)\(cost(of: file.spec))"
                ] + (checked.examined.map(ExaminationText.lines) ?? [])).joined(separator: "\n")
            case .failure(let problems): problems.all.map { printable($0.description) }.joined(separator: "\n")
            }
        }.joined(separator: "\n")
    }

    private static func article(_ kind: JobKind) -> String {
        kind.rawValue.first.map("aeiou".contains) == true ? "an" : "a"
    }

    private static func cost(of spec: JobSpec) -> String {
        guard let cost = spec.cost else { return "" }
        func short(_ number: Double) -> String { number.formatted(.number.precision(.significantDigits(3))) }
        return
            ": \(short(Double(cost.parameters) / 1e6)) million parameters, \(short(cost.multiplyAdds / 1e9)) Gmac per sample"
    }

    /// `{"files": [{"file": ..., "problems": [...]}]}`; a good file has no problems, what its network costs where that is
    /// known, and what was found of its model.
    private struct Report: Encodable {
        struct File: Encodable {
            var file: String
            var problems: [Problem]
            var parameters: Int?
            var multiplyAdds: Double?
            var model: JobExamination.Model?
            var memory: Int?
            var steps: Int?
            var secondsPerStep: Double?
            var notes: [String]?

            enum CodingKeys: String, CodingKey {
                case file, problems, parameters, model, memory, steps, notes
                case multiplyAdds = "multiply_adds"
                case secondsPerStep = "seconds_per_step"
            }
        }

        var files: [File]

        init(_ checked: [Checked]) {
            files = checked.map { checked in
                let examined = checked.examined
                var file = File(
                    file: checked.path, problems: [], model: examined?.model, memory: examined?.memory,
                    steps: examined?.steps, secondsPerStep: examined?.secondsPerStep, notes: examined?.notes)
                switch checked.result {
                case .success(let job):
                    file.parameters = job.spec.cost?.parameters ?? examined?.model?.parameters
                    file.multiplyAdds = job.spec.cost?.multiplyAdds
                case .failure(let problems): file.problems = problems.all
                }
                return file
            }
        }
    }
}

extension JobSpec {
    /// Whether it draws or measures with a model: one that others have made.
    fileprivate var usesModel: Bool {
        switch self {
        case .train, .trainAutoencoder, .fineTune: false
        case .sample, .img2img, .videoExtend, .evaluate: !models.isEmpty
        }
    }
}
