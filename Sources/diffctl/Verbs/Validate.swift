import ArgumentParser
import Foundation
import JobSpec
import Problems

struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check job files, and tell everything that is wrong with them.",
        discussion: "Needs no daemon. Whether inputs and models exist is seen when a job is handed in.")

    @Argument(
        help: "Job files, directories with a job.json, or - for standard input.",
        completion: .file(extensions: ["json"]))
    var file: [String]
    @OptionGroup var overrides: OverrideOptions
    @OptionGroup var output: OutputOptions

    struct Checked {
        var path: String
        var result: Result<JobFile, Problems>
    }

    func run() throws {
        let checked = Self.read(file, overrides)
        try output.write(Report(checked)) { style in Self.text(checked, style) }
        let failed = checked.contains { if case .failure = $0.result { true } else { false } }
        if failed { throw Failure(.badJobFile) }
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
                "\(printable(checked.path)): \(style.paint("good", .green)), \(article(file.spec.kind)) \(file.spec.kind.rawValue) job named \(file.spec.name)"
                    + cost(of: file.spec)
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

    /// `{"files": [{"file": ..., "problems": [...]}]}`; a good file has no problems, and what its network costs where that is known.
    private struct Report: Encodable {
        struct File: Encodable {
            var file: String
            var problems: [Problem]
            var parameters: Int?
            var multiplyAdds: Double?

            enum CodingKeys: String, CodingKey {
                case file, problems, parameters
                case multiplyAdds = "multiply_adds"
            }
        }

        var files: [File]

        init(_ checked: [Checked]) {
            files = checked.map { checked in
                switch checked.result {
                case .success(let file):
                    File(
                        file: checked.path, problems: [], parameters: file.spec.cost?.parameters,
                        multiplyAdds: file.spec.cost?.multiplyAdds)
                case .failure(let problems): File(file: checked.path, problems: problems.all)
                }
            }
        }
    }
}
