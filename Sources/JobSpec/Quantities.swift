import Foundation
import StrictJSON

/// Times, durations and sizes, which people write as text and programs as numbers.
enum Quantities {
    /// A time as in RFC 3339.
    static let time = Form<Date>(
        schema: ["type": "string", "format": "date-time"],
        read: { node, path, report in
            let wanted = "a time such as \"2025-01-31T22:00:00Z\""
            guard let text = node.string else { return report.mismatch(node, path, wanted) }
            for style in [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)] {
                // Not this style: the next one is tried, and after the last a problem is reported.
                if let date = try? Date(text, strategy: style) { return date }
            }
            return report.mismatch(node, path, wanted)
        },
        write: {
            JSONNode(
                .string(($0 + 0.0005).printable.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))))
        }
    )

    /// Seconds: a number, or text of numbers with units. At least one second and at most ten years.
    static let duration = amount(
        ["s": 1, "m": 60, "h": 3600, "d": 86_400], in: 1...315_576_000, "seconds, or text such as \"90m\" or \"1d12h\"")

    /// Bytes: a number, or text of a number with a unit; from 1 MiB to 1 PiB.
    static let memory = amount(
        [
            "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "kB": 1000, "MB": 1_000_000,
            "GB": 1_000_000_000, "TB": 1_000_000_000_000, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40,
        ], in: 1 << 20...1 << 50, "bytes, from 1 MiB, or text such as \"4GiB\"")

    private static func amount(_ units: [String: Int], in range: ClosedRange<Int>, _ wanted: String) -> Form<Int> {
        Form(
            schema: [
                "anyOf": [
                    [
                        "type": "integer", "minimum": JSONNode(.integer(range.lowerBound)),
                        "maximum": JSONNode(.integer(range.upperBound)),
                    ],
                    ["type": "string", "pattern": "^([0-9]+[A-Za-z]+)+$"],
                ]
            ],
            read: { node, path, report in
                guard let amount = node.integer ?? node.string.flatMap({ sum($0, units) }), range.contains(amount)
                else {
                    return report.mismatch(node, path, wanted)
                }
                return amount
            }, write: { JSONNode(.integer($0)) })
    }

    /// The sum of `1d12h`: each number times its unit. Nil when it is not that, or too large.
    private static func sum(_ text: String, _ units: [String: Int]) -> Int? {
        var rest = text.utf8[...]
        var total = 0
        repeat {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            let unit = rest.dropFirst(digits.count).prefix { !(0x30...0x39).contains($0) }
            guard let number = Int(Substring(digits), radix: 10), let factor = units[String(Substring(unit))] else {
                return nil
            }
            let (product, tooLarge) = number.multipliedReportingOverflow(by: factor)
            let (next, overflows) = total.addingReportingOverflow(product)
            if tooLarge || overflows { return nil }
            total = next
            rest = rest.dropFirst(digits.count + unit.count)
        } while !rest.isEmpty
        return total
    }
}
