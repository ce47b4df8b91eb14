extension Form {
    /// A value or null.
    public static func optional<Wrapped>(_ form: Form<Wrapped>) -> Form where Value == Wrapped? {
        Form(
            schema: form.schema.orNull,
            read: { node, path, report in node.isNull ? .some(nil) : form.read(node, path, &report).map(Optional.some)
            },
            write: { $0.map(form.write) ?? .null })
    }

    /// An array with as many elements as `count` allows. All of its faulty elements are reported.
    public static func list<Element>(_ form: Form<Element>, count: ClosedRange<Int>) -> Form where Value == [Element] {
        Form(
            schema: [
                "type": "array", "items": form.schema, "minItems": JSONNode(.integer(count.lowerBound)),
                "maxItems": JSONNode(.integer(count.upperBound)),
            ],
            read: { node, path, report in
                guard let elements = node.elements else { return report.mismatch(node, path, "an array") }
                guard count.contains(elements.count) else {
                    report.add(
                        "\(path.name) has \(elements.count) elements",
                        remedy: count.count == 1
                            ? "Give \(count.lowerBound)." : "Give \(count.lowerBound) to \(count.upperBound).",
                        at: path, node.place)
                    return nil
                }
                let values = elements.enumerated().map { form.read($1, path.element($0), &report) }
                return values.contains { $0 == nil } ? nil : values.compactMap(\.self)
            }, write: { JSONNode(.array($0.map(form.write))) })
    }

    /// A value in one of two forms, told apart by `isFirst`.
    public static func either<First, Second>(
        _ first: Form<First>, _ second: Form<Second>, isFirst: @escaping @Sendable (JSONNode) -> Bool,
        _ wrapFirst: @escaping @Sendable (First) -> Value, _ wrapSecond: @escaping @Sendable (Second) -> Value,
        write: @escaping @Sendable (Value) -> JSONNode
    ) -> Form {
        Form(
            schema: ["anyOf": [first.schema, second.schema]],
            read: { node, path, report in
                isFirst(node)
                    ? first.read(node, path, &report).map(wrapFirst) : second.read(node, path, &report).map(wrapSecond)
            }, write: write)
    }
}

extension Form where Value: Described {
    /// An object with the type's fields.
    public static var object: Form {
        Form(
            schema: Value.schema, read: { node, path, report in Value.read(node, at: path, into: &report) },
            write: { $0.json })
    }
}

/// One alternative of a `Form.oneOf`: the name that chooses it, and how its struct goes into the enum and out again.
public struct Alternative<Value: Sendable>: Sendable {
    let name: String
    let isMeant: @Sendable (JSONNode) -> Bool
    let read: @Sendable (JSONNode, JSONPath, String, inout Report) -> Value?
    let members: @Sendable (Value) -> [JSONNode.Member]?
    let schema: @Sendable (JSONNode.Member) -> JSONNode

    /// - Parameter isMeant: tells alternatives of one name apart; the first that an object is meant for is taken.
    public init<Payload: Described>(
        _ name: String, where isMeant: @escaping @Sendable (JSONNode) -> Bool = { _ in true },
        _ wrap: @escaping @Sendable (Payload) -> Value, _ unwrap: @escaping @Sendable (Value) -> Payload?
    ) {
        self.name = name
        self.isMeant = isMeant
        read = { node, path, key, report in Payload.read(node, at: path, into: &report, besides: key).map(wrap) }
        members = { unwrap($0)?.json.members }
        schema = { discriminator in
            let schema = Payload.schema
            let properties = [discriminator] + (schema["properties"]?.members ?? [])
            let required = [JSONNode(.string(discriminator.name))] + (schema["required"]?.elements ?? [])
            return [
                "type": "object", "properties": JSONNode(.object(properties)), "required": JSONNode(.array(required)),
                "additionalProperties": false,
            ]
        }
    }
}

extension Form {
    /// An object whose member `key` says which alternative's fields it has: an enum with a struct in each case.
    ///
    /// - Parameter elsewhere: further values of the key, which another form reads.
    public static func oneOf(
        _ key: String, _ alternatives: [Alternative<Value>], elsewhere: [String] = []
    ) -> Form {
        let names = (alternatives.map(\.name) + elsewhere).reduce(into: [String]()) { names, name in
            if !names.contains(name) { names.append(name) }
        }
        return Form(
            schema: [
                "oneOf": JSONNode(
                    .array(
                        alternatives.map {
                            $0.schema(JSONNode.Member(key, ["const": JSONNode(.string($0.name))]))
                        }))
            ],
            read: { node, path, report in
                guard node.members != nil else { return report.mismatch(node, path, "an object") }
                guard let choice = node[key] else {
                    report.add(
                        "the required key \"\(key)\" is missing", remedy: "Add it; known: \(names.quoted).",
                        at: path == .root ? path.member(key) : path, node.place)
                    return nil
                }
                guard let name = choice.string else {
                    return report.mismatch(choice, path.member(key), "one of \(names.quoted)")
                }
                guard let alternative = alternatives.first(where: { $0.name == name && $0.isMeant(node) }) else {
                    return report.unknown(name, names, choice, path.member(key))
                }
                return alternative.read(node, path, key, &report)
            },
            write: { value in
                for alternative in alternatives {
                    if let members = alternative.members(value) {
                        return JSONNode(.object([JSONNode.Member(key, JSONNode(.string(alternative.name)))] + members))
                    }
                }
                preconditionFailure("no alternative of \(key) holds \(value)")
            })
    }
}

extension JSONNode {
    /// A schema that also allows null.
    var orNull: JSONNode {
        guard let members, let index = members.firstIndex(where: { $0.name == "type" }),
            case .string = members[index].node.content
        else { return ["anyOf": [self, ["type": "null"]]] }
        var copy = members
        copy[index].node = [copy[index].node, "null"]
        return JSONNode(.object(copy))
    }
}
