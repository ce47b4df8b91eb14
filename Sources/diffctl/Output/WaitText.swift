package import ControlAPI
package import Foundation
import JobSpec

/// Why a job waits, in sentences.
package enum WaitText {
    package static func render(_ answer: WaitExplanation, zone: TimeZone = .current) -> String {
        var lines = [
            "Job \(answer.job) is \(answer.state.rawValue)" + (answer.reason.map { " (\($0.rawValue))" } ?? "") + "."
        ]
        lines += printableLines(answer.detail)
        if !answer.waitsFor.isEmpty {
            lines.append("Waits for: " + answer.waitsFor.map(String.init).joined(separator: ", "))
        }
        if let position = answer.position { lines.append("Place in the queue: \(position)") }
        if let start = answer.expectedStart { lines.append("Should start: \(Quantity.time(start, in: zone))") }
        return lines.filter { !$0.isEmpty }.joined(separator: "\n")
    }
}
