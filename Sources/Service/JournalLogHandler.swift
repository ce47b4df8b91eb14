import CSystemd
import Foundation
import Glibc
public import Logging

/// Writes log events to the systemd journal with their native fields, so that `journalctl DIFFD_JOB_ID=42` shows one job.
public struct JournalLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level
    private let label: String

    public init(label: String, logLevel: Logger.Level) {
        self.label = label
        self.logLevel = logLevel
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Whether stderr goes to the journal, which then takes native fields as well (systemd.exec(5), `$JOURNAL_STREAM`).
    public static func isAvailable(environment: [String: String]) -> Bool {
        let parts = (environment["JOURNAL_STREAM"] ?? "").split(separator: ":").compactMap { UInt64($0, radix: 10) }
        guard parts.count == 2 else { return false }
        var status = stat()
        return fstat(STDERR_FILENO, &status) == 0 && UInt64(clamping: status.st_dev) == parts[0]
            && UInt64(clamping: status.st_ino) == parts[1]
    }

    public func log(event: LogEvent) {
        let fields = Self.fields(event, label: label, metadata: metadata)
        if !Self.send(fields) {
            // The journal takes no more (it is stopped, or its queue is full): stderr is the next best.
            LineLogHandler.write(event)
        }
    }

    /// `NAME=value` for each field.
    package static func fields(_ event: LogEvent, label: String, metadata: Logger.Metadata) -> [String] {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        return [
            "MESSAGE=\(event.text)", "PRIORITY=\(event.level.priority)",
            "SYSLOG_IDENTIFIER=\(label)",
        ] + all.sorted { $0.key < $1.key }.map { "\(LogField.name($0.key))=\($0.value)" }
    }

    private static func send(_ fields: [String]) -> Bool {
        let bytes = fields.map { Array($0.utf8) }
        let joined = bytes.flatMap(\.self)
        return joined.withUnsafeBytes { buffer in
            var vectors: [iovec] = []
            var offset = 0
            for field in bytes {
                let start = buffer.baseAddress.map { UnsafeMutableRawPointer(mutating: $0 + offset) }
                vectors.append(iovec(iov_base: start, iov_len: field.count))
                offset += field.count
            }
            return sd_journal_sendv(vectors, Int32(clamping: vectors.count)) == 0
        }
    }
}
