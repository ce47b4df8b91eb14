/// How a type of value is written in JSON: reading with problems reported, writing, and JSON Schema.
public struct Form<Value: Sendable>: Sendable {
    /// Nil after reporting at least one problem.
    public let read: @Sendable (JSONNode, JSONPath, inout Report) -> Value?
    public let write: @Sendable (Value) -> JSONNode
    public let schema: JSONNode

    public init(
        schema: JSONNode, read: @escaping @Sendable (JSONNode, JSONPath, inout Report) -> Value?,
        write: @escaping @Sendable (Value) -> JSONNode
    ) {
        self.schema = schema
        self.read = read
        self.write = write
    }

    /// The same form with a further rule: `fault` returns what is wrong with a value, as "is ...", and what to do, or nil.
    public func refined(_ fault: @escaping @Sendable (Value) -> (message: String, remedy: String)?) -> Form {
        Form(
            schema: schema,
            read: { node, path, report in
                guard let value = read(node, path, &report) else { return nil }
                guard let (message, remedy) = fault(value) else { return value }
                report.add("\(path.name) \(message)", remedy: remedy, at: path, node.place)
                return nil
            }, write: write)
    }
}

extension Form<Bool> {
    public static var boolean: Form {
        Form(
            schema: ["type": "boolean"],
            read: { node, path, report in node.bool ?? report.mismatch(node, path, "true or false") },
            write: { JSONNode(.bool($0)) })
    }
}

extension Form<Int> {
    public static func integer(in range: ClosedRange<Int>) -> Form {
        Form(
            schema: [
                "type": "integer", "minimum": JSONNode(.integer(range.lowerBound)),
                "maximum": JSONNode(.integer(range.upperBound)),
            ],
            read: { node, path, report in
                guard let number = node.integer, range.contains(number) else {
                    return report.outside(node, path, "\(range.lowerBound)", "\(range.upperBound)")
                }
                return number
            }, write: { JSONNode(.integer($0)) })
    }
}

extension Form<UInt64> {
    /// Any unsigned integer of 64 bits, such as a seed.
    public static var unsigned: Form {
        Form(
            schema: ["type": "integer", "minimum": 0, "maximum": .unsigned(.max)],
            read: { node, path, report in
                guard let number = node.unsignedInteger else {
                    return report.outside(node, path, "0", "\(UInt64.max)")
                }
                return number
            }, write: { .unsigned($0) })
    }
}

extension Report {
    /// Reports a value that is not a whole number from `low` to `high`; always nil.
    fileprivate mutating func outside<Value>(
        _ node: JSONNode, _ path: JSONPath, _ low: String, _ high: String
    ) -> Value? {
        let wanted = "a whole number from \(low) to \(high)"
        guard node.isWhole else { return mismatch(node, path, wanted) }
        let number = node.kindDescription.dropFirst("the number ".count)
        add("\(path.name) is \(number), outside \(low) to \(high)", remedy: "Give \(wanted).", at: path, node.place)
        return nil
    }
}

extension Form<Double> {
    /// A number in a closed range.
    public static func number(
        in range: ClosedRange<Double> = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    )
        -> Form
    {
        number(
            ["minimum": JSONNode(.number(range.lowerBound)), "maximum": JSONNode(.number(range.upperBound))],
            "from \(range.lowerBound.short) to \(range.upperBound.short)", range.contains)
    }

    /// A number in a range whose upper bound is excluded.
    public static func number(in range: Range<Double>) -> Form {
        number(
            ["minimum": JSONNode(.number(range.lowerBound)), "exclusiveMaximum": JSONNode(.number(range.upperBound))],
            "from \(range.lowerBound.short) to below \(range.upperBound.short)", range.contains)
    }

    /// A number greater than `low` and at most `high`. Above 0 means so in 32 bits too, in which numbers are computed with.
    public static func number(above low: Double, upTo high: Double) -> Form {
        guard low == 0 else {
            return number(
                ["exclusiveMinimum": JSONNode(.number(low)), "maximum": JSONNode(.number(high))],
                "above \(low.short), up to \(high.short)", { $0 > low && $0 <= high })
        }
        let least = 1e-37
        return number(
            ["minimum": JSONNode(.number(least)), "maximum": JSONNode(.number(high))],
            "above 0 (\(least) at least), up to \(high.short)", { $0 >= least && $0 <= high })
    }

    private static func number(
        _ bounds: JSONNode, _ words: String, _ contains: @escaping @Sendable (Double) -> Bool
    ) -> Form {
        let type: JSONNode = ["type": "number"]
        return Form(
            schema: JSONNode(.object((type.members ?? []) + (bounds.members ?? []))),
            read: { node, path, report in
                guard let number = node.number else { return report.mismatch(node, path, "a number") }
                guard contains(number) else {
                    report.add(
                        "\(path.name) is \(number.short), which is out of range", remedy: "Give a number \(words).",
                        at: path, node.place)
                    return nil
                }
                return number
            }, write: { JSONNode(.number($0)) })
    }
}

extension Double {
    /// As people write it: without a fraction that is 0.
    var short: String { "\(self)".hasSuffix(".0") ? String("\(self)".dropLast(2)) : "\(self)" }
}

extension Form<String> {
    /// Text of 1 to `limit` bytes without control characters: names, paths, notes.
    public static func string(limit: Int = 4096) -> Form {
        let form = Form(
            schema: [
                "type": "string", "minLength": 1, "maxLength": JSONNode(.integer(limit)),
                "pattern": "^[^\\u0000-\\u001f\\u007f]*$",
            ],
            read: { node, path, report in node.string ?? report.mismatch(node, path, "a string") },
            write: { JSONNode(.string($0)) })
        return form.refined { text in
            if text.isEmpty { return ("is empty", "Fill it in, or leave the key out.") }
            if text.utf8.count > limit { return ("is longer than \(limit) bytes", "Shorten it.") }
            if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
                return ("holds a control character", "Remove line breaks, tabs and the like.")
            }
            return nil
        }
    }
}

extension Form where Value: RawRepresentable<String> & CaseIterable & Sendable {
    /// One of the type's names. `aliases` are read as well, and written by their proper name.
    public static func choice(aliases: [String: Value] = [:]) -> Form {
        let names = Value.allCases.map(\.rawValue)
        return Form(
            schema: ["enum": JSONNode(.array((names + aliases.keys.sorted()).map { JSONNode(.string($0)) }))],
            read: { node, path, report in
                guard let name = node.string else { return report.mismatch(node, path, "one of \(names.quoted)") }
                return Value(rawValue: name) ?? aliases[name] ?? report.unknown(name, names, node, path)
            }, write: { JSONNode(.string($0.rawValue)) })
    }
}

extension Report {
    /// Reports that `node` is not what the key needs; always nil.
    public mutating func mismatch<Value>(_ node: JSONNode, _ path: JSONPath, _ wanted: String) -> Value? {
        add("\(path.name) is \(node.kindDescription)", remedy: "Give \(wanted).", at: path, node.place)
        return nil
    }

    /// Reports a name that is none of `names`; always nil.
    mutating func unknown<Value>(_ name: String, _ names: [String], _ node: JSONNode, _ path: JSONPath) -> Value? {
        let guess = names.nearest(to: name).first.map { "Did you mean \"\($0)\"? " } ?? ""
        add(
            "\(path.name) is \(node.kindDescription), which is not known", remedy: guess + "Known: \(names.quoted).",
            at: path, node.place)
        return nil
    }
}

extension [String] {
    var quoted: String { map { "\"\($0)\"" }.joined(separator: ", ") }

    /// The names that a mistyped one was most likely meant to be, the nearest first: at most a third of its letters differ.
    func nearest(to name: String) -> [String] {
        guard name.utf8.count <= 64 else { return [] }
        let scored = map {
            ($0, Self.distance(Array<UInt8>(name.lowercased().utf8), Array<UInt8>($0.lowercased().utf8)))
        }
        guard let best = scored.map(\.1).min(), best <= (name.count + 2) / 3 else { return [] }
        return scored.filter { $0.1 == best }.map(\.0).prefix(3).map(\.self)
    }

    /// Edits (insert, delete, replace, swap neighbours) between two words: Damerau 1964, restricted.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var before: [Int] = []
        var previous = Array<Int>(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = Swift.min(previous[j + 1] + 1, row[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = Swift.min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            (before, previous) = (previous, row)
        }
        return previous[b.count]
    }
}
