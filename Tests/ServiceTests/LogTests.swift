import Foundation
import Logging
import Service
import Testing

@Suite struct LogTests {
    private func event(_ text: String, _ metadata: Logger.Metadata = [:]) -> LogEvent {
        LogEvent(
            level: .warning, message: "\(text)", metadata: metadata, source: "diffd", file: "f", function: "g", line: 1)
    }

    @Test func metadataBecomesJournalFields() {
        let fields = JournalLogHandler.fields(
            event("job 42 held", ["job_id": "42", "message_id": "abc", "attempt": "3"]), label: "diffd",
            metadata: ["job_name": "shirts", "attempt": "2"])
        #expect(
            fields == [
                "MESSAGE=job 42 held", "PRIORITY=4", "SYSLOG_IDENTIFIER=diffd", "DIFFD_ATTEMPT=3", "DIFFD_JOB_ID=42",
                "DIFFD_JOB_NAME=shirts", "MESSAGE_ID=abc",
            ])
    }

    @Test func anEventIsOneLine() {
        let line = LineLogHandler.line(event("one\ntwo"), at: Date(timeIntervalSince1970: 0))
        #expect(line == "1970-01-01T00:00:00Z warning one | two\n")
        let quoting = event("the file a\u{1B}[2J.png")
        #expect(LineLogHandler.line(quoting, at: .now).hasSuffix("a\\u001b[2J.png\n"))
        #expect(JournalLogHandler.fields(quoting, label: "", metadata: [:])[0] == "MESSAGE=the file a\\u001b[2J.png")
    }

    @Test func theJournalIsUsedOnlyWhenStderrLeadsThere() {
        #expect(!JournalLogHandler.isAvailable(environment: [:]))
        #expect(!JournalLogHandler.isAvailable(environment: ["JOURNAL_STREAM": "1:2"]))
        var status = stat()
        #expect(fstat(2, &status) == 0)
        #expect(JournalLogHandler.isAvailable(environment: ["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"]))
    }
}
