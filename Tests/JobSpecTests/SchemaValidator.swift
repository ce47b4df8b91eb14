import StrictJSON
import Testing

/// What of JSON Schema (2020-12) the schema of job files is written in.
struct SchemaValidator {
    private let schema: JSONNode

    init(_ schema: JSONNode) { self.schema = schema }

    func accepts(_ node: JSONNode) -> Bool { Self.accepts(node, schema) }

    private static func accepts(_ node: JSONNode, _ schema: JSONNode) -> Bool {
        if schema.bool == true { return true }
        return (schema.members ?? []).allSatisfy { keeps(node, $0.name, $0.node, schema) }
    }

    /// Whether `node` keeps one keyword of a schema.
    private static func keeps(_ node: JSONNode, _ keyword: String, _ value: JSONNode, _ schema: JSONNode) -> Bool {
        switch keyword {
        case "$schema", "$id", "title", "description", "default", "format", "examples": return true
        case "type":
            let types = value.elements?.compactMap(\.string) ?? [value.string ?? ""]
            return types.contains { isOf($0, node) }
        case "const": return node == value
        case "enum": return value.elements?.contains(node) == true
        case "minimum": return compare(node, value) { $0 >= $1 }
        case "maximum": return compare(node, value) { $0 <= $1 }
        case "exclusiveMinimum": return compare(node, value) { $0 > $1 }
        case "exclusiveMaximum": return compare(node, value) { $0 < $1 }
        case "minLength": return node.string.map { $0.unicodeScalars.count >= value.integer ?? 0 } ?? true
        case "maxLength": return node.string.map { $0.unicodeScalars.count <= value.integer ?? .max } ?? true
        case "pattern": return node.string.map { matches($0, value.string ?? "") } ?? true
        case "minItems": return node.elements.map { $0.count >= value.integer ?? 0 } ?? true
        case "maxItems": return node.elements.map { $0.count <= value.integer ?? .max } ?? true
        case "items": return node.elements?.allSatisfy { accepts($0, value) } ?? true
        case "properties":
            return (node.members ?? []).allSatisfy { member in
                value[member.name].map { accepts(member.node, $0) } ?? true
            }
        case "required":
            return node.members == nil
                || (value.elements ?? []).allSatisfy { $0.string.map { node[$0] != nil } ?? true }
        case "additionalProperties":
            return (node.members ?? []).allSatisfy { member in
                schema["properties"]?[member.name] != nil || value.bool != false && accepts(member.node, value)
            }
        case "anyOf": return value.elements?.contains { accepts(node, $0) } == true
        case "oneOf": return value.elements?.count { accepts(node, $0) } == 1
        case "not": return !accepts(node, value)
        default:
            Issue.record("the validator does not know the keyword \(keyword)")
            return true
        }
    }

    private static func isOf(_ type: String, _ node: JSONNode) -> Bool {
        switch type {
        case "null": node.isNull
        case "boolean": node.bool != nil
        case "integer": node.number.map { $0 == $0.rounded() } ?? false
        case "number": node.number != nil
        case "string": node.string != nil
        case "array": node.elements != nil
        case "object": node.members != nil
        default: false
        }
    }

    private static func compare(_ node: JSONNode, _ limit: JSONNode, _ holds: (Double, Double) -> Bool) -> Bool {
        if let number = node.integer, let limit = limit.integer {
            // Exactly, where doubles would round.
            return holds(number < limit ? -1 : number > limit ? 1 : 0, 0)
        }
        guard let number = node.number, let limit = limit.number else { return true }
        return holds(number, limit)
    }

    /// The escapes of ECMA 262 are not those of Swift's expressions.
    private static func matches(_ text: String, _ pattern: String) -> Bool {
        let swift = pattern.replacing(#/\\u([0-9a-f]{4})/#) { "\\u{\($0.output.1)}" }
        guard let expression = try? Regex(swift).matchingSemantics(.unicodeScalar) else {
            Issue.record("no expression: \(pattern)")
            return false
        }
        return text.contains(expression)
    }
}
