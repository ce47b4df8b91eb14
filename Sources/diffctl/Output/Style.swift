import Foundation
import Glibc
package import JobSpec

/// What the terminal can show.
package struct Style: Sendable, Hashable {
    package var color: Bool
    /// Columns; nil where lines may have any length.
    package var width: Int?
    /// Lines; nil where there may be any number.
    package var height: Int?

    package init(color: Bool, width: Int?, height: Int? = nil) {
        self.color = color
        self.width = width
        self.height = height
    }

    /// Whether what is written can be drawn over.
    package var isTerminal: Bool { width != nil }

    /// Plain and unbounded unless standard output is a terminal; no colour with NO_COLOR (no-color.org) or on a dumb terminal.
    package static func ofStandardOutput() -> Style {
        guard isatty(STDOUT_FILENO) == 1 else { return Style(color: false, width: nil) }
        var size = winsize()
        let known = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return Style(
            color: allowsColor(ProcessInfo.processInfo.environment), width: known ? Int(clamping: size.ws_col) : 80,
            height: known && size.ws_row > 0 ? Int(clamping: size.ws_row) : 24)
    }

    package static func allowsColor(_ environment: [String: String]) -> Bool {
        (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    package enum Color: Int, Sendable {
        case red = 31
        case green = 32
        case yellow = 33
        case cyan = 36
        case gray = 90
    }

    package func paint(_ text: String, _ color: Color?) -> String {
        guard self.color, let color else { return text }
        return "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m"
    }

    package static func color(of state: JobState) -> Color? {
        switch state {
        case .queued: nil
        case .held: .yellow
        case .running, .cancelling: .cyan
        case .succeeded: .green
        case .failed: .red
        case .cancelled: .gray
        }
    }
}
