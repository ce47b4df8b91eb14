import Foundation
import Problems
import StrictJSON

/// Times, durations and sizes, which people write as text and programs as numbers.
enum Quantities {
    /// A time as in RFC 3339; without a zone it is local.
    static let time = Form<Date>(
        schema: [
            "anyOf": [
                ["type": "string", "format": "date-time"],
                ["type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?$"],
            ]
        ],
        read: { node, path, report in
            let wanted = "a time such as \"2025-01-31T22:00:00Z\", or local time such as \"2025-01-31 22:00\""
            guard let text = node.string else { return report.mismatch(node, path, wanted) }
            for style in [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)] {
                // Not this style: the next one is tried, and after the last a problem is reported.
                if let date = try? Date(text, strategy: style) { return date }
            }
            return localTime(text) ?? report.mismatch(node, path, wanted)
        },
        write: {
            JSONNode(
                .string(($0 + 0.0005).printable.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))))
        }
    )

    /// `2025-01-31 22:00`, with or without seconds, or with a T between, in the system's zone. An hour that a change of the clocks leaves out is the
    /// one after it; of one that comes twice it is the first.
    private static func localTime(_ text: String) -> Date? {
        guard
            let match = text.wholeMatch(of: /([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?/)
        else { return nil }
        func number(_ digits: Substring?) -> Int { digits.flatMap { Int($0, radix: 10) } ?? 0 }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .current
        let time = DateComponents(
            year: number(match.1), month: number(match.2), day: number(match.3), hour: number(match.4),
            minute: number(match.5), second: number(match.6))
        guard (0...23).contains(number(match.4)), (0...59).contains(number(match.5)),
            (0...59).contains(number(match.6)),
            let date = calendar.date(from: time)
        else { return nil }
        // The 31st of February is none.
        let day = calendar.dateComponents([.year, .month, .day], from: date)
        return day.year == time.year && day.month == time.month && day.day == time.day ? date : nil
    }

    /// Seconds: a number, or text such as `1d12h`. At least one second; whatever text can say is below the upper limit.
    static let duration = Amount(
        range: 1...3_155_760_000, unit: "seconds", example: "\"90m\" or \"1d12h\", with d, h, m and s in this order",
        pattern: "^(?=.*[1-9])([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?$",
        units: [
            .init("d", 86_400, digits: 1...4), .init("h", 3600, digits: 1...5), .init("m", 60, digits: 1...7),
            .init("s", 1, digits: 1...9),
        ]
    ).form

    /// Bytes: a number, or text as of `ByteSize`; from 1 MB to 16 PiB, in which lies whatever text can say.
    static let memory: Form<Int> = {
        let range = 1_000_000...1 << 54
        // How many digits may stand before the point, of which the first is not 0.
        @Sendable func digits(_ unit: ByteSize.Unit) -> ClosedRange<Int> {
            switch unit {
            case .t, .tB, .tiB: 1...4
            case .g, .gB, .giB: 1...6
            case .m, .mB, .miB: 1...9
            case .k, .kB, .kiB: 4...12
            case .bytes: 7...15
            }
        }
        let patterns = ByteSize.Unit.allCases.map { unit in
            let count = digits(unit)
            return "[1-9][0-9]{\(count.lowerBound - 1),\(count.upperBound - 1)}"
                + (unit == .bytes ? "" : "(\\.[0-9]{1,3})?") + " ?\(unit.rawValue)"
        }
        return Form(
            schema: Amount.schema(range, pattern: "^(\(patterns.joined(separator: "|")))$"),
            read: { node, path, report in
                let text = node.string.flatMap(ByteSize.init).flatMap { size in
                    digits(size.unit).contains(size.whole.count) && size.whole.first != "0" ? size.count : nil
                }
                guard let bytes = node.integer ?? text, range.contains(bytes) else {
                    return report.mismatch(
                        node, path,
                        "bytes from \(range.lowerBound) to \(range.upperBound), or text such as \"4GiB\" (\(ByteSize.unitNames))"
                    )
                }
                return bytes
            }, write: { JSONNode(.integer($0)) })
    }()
}

/// A number of something, which text gives as a sum of digits with units, in the order of these. The schema's pattern and the reader agree on every text.
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

    var form: Form<Int> {
        Form(
            schema: Self.schema(range, pattern: pattern),
            read: { node, path, report in
                let wanted = "\(unit) from \(range.lowerBound) to \(range.upperBound), or text such as"
                guard let amount = node.integer ?? node.string.flatMap(value(of:)), range.contains(amount) else {
                    return report.mismatch(node, path, "\(wanted) \(example)")
                }
                return amount
            }, write: { JSONNode(.integer($0)) })
    }

    /// Of a whole number, or a text.
    static func schema(_ range: ClosedRange<Int>, pattern: String) -> JSONNode {
        [
            "anyOf": [
                [
                    "type": "integer", "minimum": JSONNode(.integer(range.lowerBound)),
                    "maximum": JSONNode(.integer(range.upperBound)),
                ],
                ["type": "string", "pattern": JSONNode(.string(pattern))],
            ]
        ]
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
                let number = Int(Substring(digits), radix: 10)
            else { return nil }
            // No overflow: so many digits of so large a unit fit.
            total += number * left[place].factor
            rest = rest.dropFirst(digits.count + name.utf8.count)
            left = left[(place + 1)...]
        } while !rest.isEmpty
        return total
    }
}
