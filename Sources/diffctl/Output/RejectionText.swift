package import ControlAPI
package import Foundation
import Problems

/// Drops that were refused, for people.
package enum RejectionText {
    /// So many of the newest are told below a table.
    package static let shown = 5
    /// Seconds for which one is news.
    private static let age = 86_400.0

    /// A line for each of the newest drops that were refused in the last day: what stands below the jobs.
    package static func lines(_ rejections: [Rejection], _ style: Style, now: Date = .now) -> [String] {
        let fresh = rejections.filter { now.timeIntervalSince($0.rejectedAt) < age }
        let lines = fresh.suffix(shown).map { rejection in
            let text = "refused  \(line(rejection))"
            let cut = style.width.map { text.cut(toTerminalWidth: $0) } ?? text
            return style.paint(String(cut.prefix(7)), .red) + cut.dropFirst(7)
        }
        return fresh.count > shown
            ? lines + ["\(fresh.count - shown) more were refused in the last day: see rejected/"] : lines
    }

    /// `a.json: there is no job b`
    package static func line(_ rejection: Rejection) -> String {
        let rest = rejection.problems.count - 1
        return printable(rejection.name) + ": "
            + (rejection.problems.first.map { printable($0.message) } ?? "")
            + (rest > 0 ? "; and \(rest) more" : "")
    }

    /// All that the receipt says.
    package static func sheet(_ rejection: Rejection, zone: TimeZone = .current) -> String {
        ([
            "\(printable(rejection.name)) was refused at \(Quantity.time(rejection.rejectedAt, in: zone)); "
                + "its receipt is \(printable(rejection.receipt))"
        ] + rejection.problems.map { printable($0.description) }).joined(separator: "\n")
    }
}
