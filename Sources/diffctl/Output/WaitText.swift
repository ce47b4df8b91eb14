package import ControlAPI
package import Foundation
import JobSpec

/// Why a job waits, in sentences.
package enum WaitText {
    package static func render(_ answer: WaitExplanation, zone: TimeZone = .current) -> String {
        var lines = [
            "Job \(answer.job) is \(answer.state.rawValue)"
                + (answer.reason.flatMap {
                    $0.rawValue.lowercased() == answer.state.rawValue ? nil : " (\($0.rawValue))"
                } ?? "")
                + "."
        ]
        lines += printableLines(answer.detail)
        // What the sentence says already is not said twice.
        let named = Set(answer.detail.split { !$0.isNumber }.map(String.init))
        let others = answer.waitsFor.map(String.init).filter { !named.contains($0) }
        if !others.isEmpty { lines.append("Waits for: " + others.joined(separator: ", ")) }
        if let position = answer.position { lines.append("Place in the queue: \(position)") }
        if let start = answer.expectedStart { lines.append("Should start: \(Quantity.time(start, in: zone))") }
        return lines.filter { !$0.isEmpty }.joined(separator: "\n")
    }
}
