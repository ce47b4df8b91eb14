package import Foundation
import Glibc
public import Logging

/// Writes log events to stderr, a line each: time, level, message.
public struct LineLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level

    public init(logLevel: Logger.Level) {
        self.logLevel = logLevel
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) { Self.write(event) }

    package static func line(_ event: LogEvent, at date: Date) -> String {
        // One event, one line.
        let message = event.text.split(whereSeparator: \.isNewline).joined(separator: " | ")
        return "\(date.formatted(.iso8601)) \(event.level) \(message)\n"
    }

    static func write(_ event: LogEvent) {
        var rest = Array(line(event, at: .now).utf8)[...]
        // A single write as a rule, so that lines of several processes don't mix; nothing can be done about a stderr that fails.
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

extension Logger {
    /// The daemon's logger: the journal where there is one, stderr otherwise.
    public static func daemon(_ label: String, level: Logger.Level, environment: [String: String]) -> Logger {
        Logger(label: label) { label in
            JournalLogHandler.isAvailable(environment: environment)
                ? JournalLogHandler(label: label, logLevel: level) as any LogHandler
                : LineLogHandler(logLevel: level)
        }
    }
}
