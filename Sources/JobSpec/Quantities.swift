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

    /// Seconds: a number, or text such as `1d12h`. At least one second; whatever text can say is below the upper limit.
    static let duration = Amount(
        range: 1...3_155_760_000, unit: "seconds", example: "\"90m\" or \"1d12h\", with d, h, m and s in this order",
        pattern: "^(?=.*[1-9])([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?$",
        units: [
            .init("d", 86_400, digits: 1...4), .init("h", 3600, digits: 1...5), .init("m", 60, digits: 1...7),
            .init("s", 1, digits: 1...9),
        ], isSum: true
    ).form

    /// Bytes: a number, or text of a number with a unit; from 1 MB to 16 PiB, in which lies whatever text can say.
    static let memory: Form<Int> = {
        let units: [Amount.Unit] = [
            .init("TiB", 1 << 40, digits: 1...4), .init("TB", 1_000_000_000_000, digits: 1...4),
            .init("T", 1 << 40, digits: 1...4), .init("GiB", 1 << 30, digits: 1...6),
            .init("GB", 1_000_000_000, digits: 1...6), .init("G", 1 << 30, digits: 1...6),
            .init("MiB", 1 << 20, digits: 1...9), .init("MB", 1_000_000, digits: 1...9),
            .init("M", 1 << 20, digits: 1...9), .init("KiB", 1 << 10, digits: 4...12),
            .init("kB", 1000, digits: 4...12), .init("K", 1 << 10, digits: 4...12), .init("B", 1, digits: 7...15),
        ]
        let pattern = units.map { unit in
            "[1-9][0-9]{\(unit.digits.lowerBound - 1),\(unit.digits.upperBound - 1)}\(unit.name)"
        }
        return Amount(
            range: 1_000_000...1 << 54, unit: "bytes", example: "\"4GiB\" (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB)",
            pattern: "^(\(pattern.joined(separator: "|")))$", units: units, isSum: false
        ).form
    }()
}

/// A number of something, which text gives as digits with a unit. The schema's pattern and the reader agree on every text.
private struct Amount {
    struct Unit {
        var name: String
        var factor: Int
        /// How many there may be before it.
        var digits: ClosedRange<Int>

        init(_ name: String, _ factor: Int, digits: ClosedRange<Int>) {
            self.name = name
            self.factor = factor
            self.digits = digits
        }
    }

    var range: ClosedRange<Int>
    var unit: String
    var example: String
    var pattern: String
    var units: [Unit]
    /// Whether text is a sum of several, in the order of `units`; otherwise it is one without leading zeros.
    var isSum: Bool

    var form: Form<Int> {
        Form(
            schema: [
                "anyOf": [
                    [
                        "type": "integer", "minimum": JSONNode(.integer(range.lowerBound)),
                        "maximum": JSONNode(.integer(range.upperBound)),
                    ],
                    ["type": "string", "pattern": JSONNode(.string(pattern))],
                ]
            ],
            read: { node, path, report in
                let wanted = "\(unit) from \(range.lowerBound) to \(range.upperBound), or text such as"
                guard let amount = node.integer ?? node.string.flatMap(value(of:)), range.contains(amount) else {
                    return report.mismatch(node, path, "\(wanted) \(example)")
                }
                return amount
            }, write: { JSONNode(.integer($0)) })
    }

    /// What the text says; nil when it is not such text.
    private func value(of text: String) -> Int? {
        var rest = text.utf8[...]
        var total = 0
        var left = units[...]
        repeat {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            let name = String(Substring(rest.dropFirst(digits.count).prefix { !(0x30...0x39).contains($0) }))
            guard let place = left.firstIndex(where: { $0.name == name }), left[place].digits.contains(digits.count),
                isSum || digits.first != 0x30, let number = Int(Substring(digits), radix: 10)
            else { return nil }
            // No overflow: so many digits of so large a unit fit.
            total += number * left[place].factor
            rest = rest.dropFirst(digits.count + name.utf8.count)
            left = isSum ? left[(place + 1)...] : []
        } while !rest.isEmpty
        return total
    }
}
