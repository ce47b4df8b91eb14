import Foundation
public import Logging
import Problems

/// How a log event's metadata becomes the journal's fields.
///
/// `message_id` is the journal's own `MESSAGE_ID`; every other key gets the program's prefix: `job_id` becomes
/// `DIFFD_JOB_ID`.
enum LogField {
    static func name(_ key: String) -> String {
        if key == "message_id" { return "MESSAGE_ID" }
        let plain = key.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
        return "DIFFD_" + String(plain)
    }
}

extension LogEvent {
    /// The message and its error, without what could move a terminal's cursor: they quote names and files.
    var text: String { "\(message)\(error.map { ": \($0)" } ?? "")".printableLines }
}

extension Logger.Level {
    /// The priority of syslog(3).
    var priority: Int {
        switch self {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }

    public init(_ verbosity: LogVerbosity) {
        self =
            switch verbosity {
            case .error: .error
            case .warning: .warning
            case .notice: .notice
            case .info: .info
            case .debug: .debug
            case .trace: .trace
            }
    }
}
