package import Foundation
import Problems
import StrictJSON

/// How people read amounts of time and of memory.
package enum Quantity {
    /// `45s`, `10m06s`, `3h05m`, `2d04h`.
    package static func duration(seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
        let whole = Int(saturating: seconds.rounded())
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        switch whole {
        case ..<60: return "\(whole)s"
        case ..<3600: return "\(whole / 60)m\(two(whole % 60))s"
        case ..<86_400: return "\(whole / 3600)h\(two(whole % 3600 / 60))m"
        default: return "\(whole / 86_400)d\(two(whole % 86_400 / 3600))h"
        }
    }

    /// `512 B`, `3.2 MiB`.
    package static func bytes(_ count: Int) -> String {
        guard count >= 1024 else { return "\(count) B" }
        var value = Double(count) / 1024
        for unit in ["KiB", "MiB", "GiB"] {
            if value < 1023.95 { return "\(significant(value)) \(unit)" }
            value /= 1024
        }
        return "\(significant(value)) TiB"
    }

    /// Three significant digits: `0.0421`, `3.1`, `1234`.
    package static func significant(_ value: Double) -> String {
        guard value.isFinite else { return "\(value)" }
        let magnitude = value == 0 ? 0 : Int(saturating: log10(abs(value)).rounded(.down))
        let decimals = min(9, max(0, 2 - magnitude))
        let text = String(format: "%.\(decimals)f", value)
        guard text.contains(".") else { return text }
        return String(text.reversed().drop { $0 == "0" }.drop { $0 == "." }.reversed())
    }

    /// `2026-03-01 14:05:09+01:00` in local time.
    package static func time(_ date: Date, in zone: TimeZone = .current) -> String {
        let style = Date.ISO8601FormatStyle(dateTimeSeparator: .space, timeZone: zone)
        return date.printable.formatted(
            style.year().month().day().time(includingFractionalSeconds: false).timeZone(separator: .colon))
    }
}
