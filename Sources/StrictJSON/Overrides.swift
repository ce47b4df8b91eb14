/// Values for some keys of a described struct, to take the place of another value's.
public struct Overrides<Owner: Described>: Sendable, Hashable {
    private var nodes: [String: JSONNode] = [:]

    public init() {}

    /// What `value` has for `keys`.
    public init(of value: Owner, keys: Set<String>) {
        for field in Owner.fields where keys.contains(field.key) { nodes[field.key] = field.write(value) }
    }

    /// The keys that have a value here.
    public var keys: Set<String> { Set(nodes.keys) }

    /// The value of a key, as JSON that its field reads; nil where it has none.
    public subscript(_ key: String) -> JSONNode? {
        get { nodes[key] }
        set { nodes[key] = newValue }
    }

    /// Puts the values into the place of `value`'s own.
    public func apply(to value: inout Owner) {
        // Fields report what they cannot read; these values have been read before.
        var report = Report()
        for field in Owner.fields {
            if let node = nodes[field.key] { field.read(node, .root.member(field.key), &value, &report) }
        }
    }
}

extension Field {
    /// The same key in an object of `New`, where null and absence leave the value to somebody else.
    ///
    /// - Parameter otherwise: who decides then, as a sentence: "Null: as the model says."
    public func overriding<New: Described>(
        _ property: any WritableKeyPath<New, Overrides<Owner>> & Sendable, _ otherwise: String
    ) -> Field<New> {
        Field<New>(
            key: key, summary: "\(summary) \(otherwise)", isRequired: false,
            read: { node, path, new, report in
                guard !node.isNull else { return new[keyPath: property][key] = nil }
                var (owner, own) = (Owner(), Report(unknownKeys: report.unknownKeys))
                read(node, path, &owner, &own)
                if own.problems.isEmpty { new[keyPath: property][key] = write(owner) }
                report.append(own)
            },
            write: { $0[keyPath: property][key] ?? .null },
            schema: {
                let members = (schema().members ?? []).filter { !["description", "default"].contains($0.name) }
                return JSONNode(.object(members)).orNull.adding(
                    "description", JSONNode(.string("\(summary) \(otherwise)"))
                ).adding("default", .null)
            })
    }
}
