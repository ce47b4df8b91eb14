public import Problems

/// A struct whose JSON form is one table of fields: the table reads it, writes it with every default filled in, and describes it as
/// JSON Schema.
///
/// ```swift
/// struct Options: Described {
///     var steps = 1000
///     static let fields: [Field<Self>] = [
///         Field("steps", \.steps, .integer(in: 1...1_000_000), "Optimizer steps to take.")
///     ]
/// }
/// ```
public protocol Described: Sendable {
    /// Every default. Properties of required fields get a placeholder.
    init()
    static var fields: [Field<Self>] { get }
    /// Derives what depends on other keys and was not given: `node.gives("key")`. Called once all fields are read.
    mutating func complete(from node: JSONNode)
    /// Reports what is wrong between keys. Called last; keys that could not be read hold their defaults, see `Checks.fail`.
    func validate(_ checks: inout Checks)
}

extension Described {
    public mutating func complete(from node: JSONNode) {}
    public func validate(_ checks: inout Checks) {}
}

/// One key of a described struct: its name, the property that holds it, its form and a sentence for the documentation.
public struct Field<Owner: Described>: Sendable {
    public let key: String
    public let summary: String
    public let isRequired: Bool
    let read: @Sendable (JSONNode, JSONPath, inout Owner, inout Report) -> Void
    let write: @Sendable (Owner) -> JSONNode
    let schema: @Sendable () -> JSONNode

    public init<Value>(
        _ key: String, _ property: any WritableKeyPath<Owner, Value> & Sendable, _ form: Form<Value>, _ summary: String,
        required: Bool = false
    ) {
        self.key = key
        self.summary = summary
        isRequired = required
        read = { node, path, owner, report in
            if let value = form.read(node, path, &report) { owner[keyPath: property] = value }
        }
        write = { form.write($0[keyPath: property]) }
        schema = {
            form.schema.adding("description", JSONNode(.string(summary)))
                .adding("default", required ? nil : form.write(Owner()[keyPath: property]))
        }
    }
}

extension Described {
    /// Reads an object. Problems go to `report`; the result is what could be read, nil when `node` is no object.
    ///
    /// - Parameters:
    ///   - besides: a key that the caller reads itself, such as the one that chose this type.
    ///   - defaults: what absent keys mean.
    public static func read(
        _ node: JSONNode, at path: JSONPath = .root, into report: inout Report, besides: String? = nil,
        defaults: Self = Self()
    ) -> Self? {
        guard let members = node.members else {
            report.add(
                "\(path.name) is \(node.kindDescription), not an object", remedy: "Write an object: { ... }.", at: path,
                node.place)
            return nil
        }
        var value = defaults
        for member in members where member.name != besides {
            if let field = fields.first(where: { $0.key == member.name }) {
                field.read(member.node, path.member(field.key), &value, &report)
            } else {
                unknown(member, at: path, besides, &report)
            }
        }
        for field in fields where field.isRequired && node[field.key] == nil {
            report.add(
                "the required key \"\(field.key)\" is missing", remedy: "Add it: \(field.subject).",
                at: path.member(field.key), node.place)
        }
        value.complete(from: node)
        var checks = Checks(report, node, path)
        value.validate(&checks)
        report = checks.report
        return value
    }

    private static func unknown(
        _ member: JSONNode.Member, at path: JSONPath, _ besides: String?, _ report: inout Report
    ) {
        let names = fields.map(\.key) + (besides.map { [$0] } ?? [])
        let message = "the key \"\(member.name.prefix(80))\" is unknown"
        switch report.unknownKeys {
        case .areWarnings:
            if member.name.hasPrefix("_") { return }
            report.warn(message, remedy: "It is ignored.", at: path.member(member.name), member.place)
        case .areErrors:
            // It may be right, and stand in the wrong object.
            let inner = fields.filter { $0.schema().properties(anywhere: member.name) }.map {
                "\($0.key).\(member.name)"
            }
            let guesses = inner.isEmpty ? names.nearest(to: member.name) : inner
            let remedy: String
            if let path = report.otherNames[member.name.lowercased()] {
                remedy = "It is called \"\(path)\" here."
            } else if !guesses.isEmpty {
                remedy = "Did you mean \(guesses.map { "\"\($0)\"" }.joined(separator: " or "))?"
            } else {
                remedy = "Remove it; known here: \(names.joined(separator: ", "))."
            }
            report.add(message, remedy: remedy, at: path.member(member.name), member.place)
        }
    }

    /// The value as an object with every key, in the order of the table.
    public var json: JSONNode {
        JSONNode(.object(Self.fields.map { JSONNode.Member($0.key, $0.write(self)) }))
    }

    /// JSON Schema (2020-12) of the object.
    public static var schema: JSONNode {
        let properties = fields.map { JSONNode.Member($0.key, $0.schema()) }
        let required = fields.filter(\.isRequired).map { JSONNode(.string($0.key)) }
        let schema: JSONNode = ["type": "object", "properties": JSONNode(.object(properties))]
        return schema.adding("required", required.isEmpty ? nil : JSONNode(.array(required)))
            .adding("additionalProperties", false)
    }

    /// What `read` would say of this value's own JSON: for values made or changed in code.
    public func check() throws(Problems) {
        var report = Report()
        _ = Self.read(json, into: &report)
        try report.check()
    }
}

extension Field {
    /// The same key as a member of `New`'s object, held by the `Owner` that is at `property` of it: two structs in one flat object.
    public func lifted<New: Described>(_ property: any WritableKeyPath<New, Owner> & Sendable) -> Field<New> {
        Field<New>(
            key: key, summary: summary, isRequired: isRequired,
            read: { node, path, new, report in read(node, path, &new[keyPath: property], &report) },
            write: { write($0[keyPath: property]) }, schema: schema)
    }

    init(
        key: String, summary: String, isRequired: Bool,
        read: @escaping @Sendable (JSONNode, JSONPath, inout Owner, inout Report) -> Void,
        write: @escaping @Sendable (Owner) -> JSONNode, schema: @escaping @Sendable () -> JSONNode
    ) {
        self.key = key
        self.summary = summary
        self.isRequired = isRequired
        self.read = read
        self.write = write
        self.schema = schema
    }
}

extension Field {
    /// The first sentence of the summary, to stand within another.
    var subject: String {
        let sentence = summary.prefix { $0 != "." && $0 != ";" && $0 != ":" }
        return sentence.prefix(1).lowercased() + sentence.dropFirst()
    }
}

extension JSONNode {
    /// Of a schema of objects: whether one of them has the key.
    fileprivate func properties(anywhere key: String) -> Bool {
        if self["properties"]?[key] != nil { return true }
        return ["anyOf", "oneOf"].contains { (self[$0]?.elements ?? []).contains { $0.properties(anywhere: key) } }
    }

    /// Whether the object has the member `key`, which may reach into members: `"training.steps"`.
    public func gives(_ key: String) -> Bool {
        key.split(separator: ".").reduce(self as JSONNode?) { $0?[String($1)] } != nil
    }

    /// The object with one more member at its end; itself when `node` is nil.
    public func adding(_ name: String, _ node: JSONNode?) -> JSONNode {
        guard let node, let members else { return self }
        return JSONNode(.object(members + [Member(name, node)]), place: place)
    }
}
