import Configuration
import Foundation
import Problems

/// One place from which settings come: the command line, the environment, or a file.
struct ConfigurationSource {
    let snapshot: any ConfigSnapshot
    /// The file; nil for the other two.
    var file: String?
    /// What the place calls a setting: `--max-workers`, `DIFFD_MAX_WORKERS`, `max_workers`.
    let name: (DaemonSetting) -> String
    /// Where each key stands in the file.
    var lines: [String: Int] = [:]

    init(flags: [DaemonSetting: String]) {
        let variables = flags.map { ($0.key.rawValue.uppercased(), $0.value) }
        snapshot = EnvironmentVariablesProvider(
            environmentVariables: Dictionary(uniqueKeysWithValues: variables)
        ).snapshot()
        name = { "--" + $0.rawValue.replacing("_", with: "-") }
    }

    init(environment: [String: String]) {
        let prefix = "DIFFD_"
        let variables = environment.filter { $0.key.hasPrefix(prefix) }
            .map { (String($0.key.dropFirst(prefix.count)), $0.value) }
        snapshot = EnvironmentVariablesProvider(
            environmentVariables: Dictionary(uniqueKeysWithValues: variables)
        ).snapshot()
        name = { prefix + $0.rawValue.uppercased() }
    }

    /// Nil for a file that sets nothing, or is missing and may be.
    init?(file: String, mayBeMissing: Bool) throws(Problems) {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: file))
        } catch {
            if mayBeMissing, (error as? CocoaError)?.code == .fileReadNoSuchFile { return nil }
            throw Problems([
                Problem(
                    .invalid, "the configuration cannot be read", remedy: "Name a readable file with --config.",
                    file: file,
                    cause: error.systemReason)
            ])
        }
        lines = try Self.keys(of: data, file)
        guard !lines.isEmpty else { return nil }
        do {
            snapshot = try YAMLSnapshot(data: data.bytes, providerName: file, parsingOptions: .default)
        } catch {
            throw Problems([
                Problem(
                    .invalid, "the configuration is not YAML", remedy: "Mend it at the place named.", file: file,
                    cause: String(describing: error))
            ])
        }
        self.file = file
        name = \.rawValue
    }

    /// The keys of the file and their lines. The configuration is flat: each line begins a key, goes on with the value of the
    /// last by being indented or an item of its list, is a comment, or empty.
    private static func keys(of data: Data, _ file: String) throws(Problems) -> [String: Int] {
        var lines: [String: Int] = [:]
        var problems: [Problem] = []
        func report(_ line: Int, _ message: String, _ remedy: String) {
            problems.append(Problem(.invalid, message, remedy: remedy, file: file, line: line))
        }
        let text = String(decoding: data, as: UTF8.self)
        for (index, content) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = index + 1
            guard let first = content.first, !first.isWhitespace, !"#-".contains(first) else { continue }
            guard let colon = content.firstIndex(of: ":") else {
                report(line, "'\(content)' is not a setting", "Write 'key: value'.")
                continue
            }
            let key = String(content[..<colon])
            if DaemonSetting(rawValue: key) == nil {
                report(line, "unknown setting '\(key)'", suggestion(for: key))
            } else if let other = lines[key] {
                report(line, "'\(key)' is set already in line \(other)", "Remove one of the two.")
            }
            lines[key] = line
        }
        if !problems.isEmpty { throw Problems(problems) }
        return lines
    }

    private static func suggestion(for key: String) -> String {
        let folded = key.lowercased().replacing("-", with: "_")
        if let setting = DaemonSetting(rawValue: folded) { return "Did you mean '\(setting.rawValue)'?" }
        return "The settings are \(DaemonSetting.allCases.map(\.rawValue).joined(separator: ", "))."
    }
}
