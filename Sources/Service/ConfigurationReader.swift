import Configuration
import Foundation
import Problems

/// Reads settings from the first source that has them, and collects what is wrong.
struct ConfigurationReader {
    let sources: [ConfigurationSource]
    let directory: String
    private(set) var problems: [Problem] = []

    init(sources: [ConfigurationSource], directory: String) {
        self.sources = sources
        self.directory = directory
    }

    mutating func integer(_ setting: DaemonSetting, in range: ClosedRange<Int>) -> Int? {
        read(setting, .int, "a whole number from \(range.lowerBound) to \(range.upperBound)") {
            guard case .int(let value) = $0, range.contains(value) else { return nil }
            return value
        }
    }

    /// Seconds, at most a year.
    mutating func seconds(_ setting: DaemonSetting) -> Double? {
        read(setting, .double, "a number of seconds, not negative") {
            guard case .double(let value) = $0, (0...31_536_000).contains(value) else { return nil }
            return value
        }
    }

    mutating func truth(_ setting: DaemonSetting) -> Bool? {
        read(setting, .bool, "true or false") {
            guard case .bool(let value) = $0 else { return nil }
            return value
        }
    }

    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(_ setting: DaemonSetting) -> Choice? {
        read(setting, .string, "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", ")) {
            guard case .string(let value) = $0 else { return nil }
            return Choice(rawValue: value)
        }
    }

    /// The name of something.
    mutating func name(_ setting: DaemonSetting) -> String? {
        read(setting, .string, "a name") {
            guard case .string(let value) = $0, !value.isEmpty else { return nil }
            return value
        }
    }

    /// An absolute path.
    mutating func path(_ setting: DaemonSetting) -> String? {
        let directory = self.directory
        return read(setting, .string, "a path") {
            guard case .string(let value) = $0 else { return nil }
            return Self.absolute(value, in: directory)
        }
    }

    mutating func paths(_ setting: DaemonSetting) -> [String]? {
        let directory = self.directory
        return read(setting, .stringArray, "a list of paths") {
            guard case .stringArray(let values) = $0 else { return nil }
            let paths = values.compactMap { Self.absolute($0, in: directory) }
            return paths.count == values.count ? paths : nil
        }
    }

    /// A number of bytes: `1073741824`, or as of `ByteSize`.
    mutating func bytes(_ setting: DaemonSetting) -> Int? {
        read(setting, .string, "a size such as 512MiB or 8GiB (units: \(ByteSize.unitNames))") {
            guard case .string(let value) = $0 else { return nil }
            return Self.bytes(value)
        }
    }

    func absolute(_ path: String) -> String { Self.absolute(path, in: directory) ?? path }

    static func bytes(_ text: String) -> Int? {
        guard let count = Int(text, radix: 10) ?? ByteSize(text)?.count, (0...1 << 60).contains(count) else {
            return nil
        }
        return count
    }

    private static func absolute(_ path: String, in directory: String) -> String? {
        guard !path.isEmpty, !path.utf8.contains(0) else { return nil }
        return path.hasPrefix("/") ? path : URL(fileURLWithPath: directory).appending(path: path).standardized.path
    }

    private mutating func read<Value>(
        _ setting: DaemonSetting, _ type: ConfigType, _ expected: String, _ convert: (ConfigContent) -> Value?
    ) -> Value? {
        for source in sources {
            do {
                let key = AbsoluteConfigKey([setting.rawValue])
                guard let value = try source.snapshot.value(forKey: key, type: type).value else { continue }
                if let converted = convert(value.content) { return converted }
                report(setting, source, expected)
            } catch {
                report(setting, source, expected, cause: String(describing: error))
            }
            return nil
        }
        return nil
    }

    private mutating func report(
        _ setting: DaemonSetting, _ source: ConfigurationSource, _ expected: String, cause: String? = nil
    ) {
        problems.append(
            Problem(
                .invalid, "\(source.name(setting)) has an unusable value", remedy: "Give \(expected).",
                file: source.file,
                path: source.file == nil ? nil : setting.rawValue, line: source.lines[setting.rawValue], cause: cause))
    }
}
