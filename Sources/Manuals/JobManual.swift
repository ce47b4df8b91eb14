import JobSpec
import StrictJSON

/// diffd-job(5): every key of a job file, from the description that reads it.
public enum JobManual {
    public static func page(version: String) -> String {
        var page = Roff(title: "diffd-job", section: 5, version: version)
        page.section("NAME")
        page.paragraphs("diffd-job - what diffd trains, samples and measures")
        page.section("DESCRIPTION")
        page.paragraphs(
            """
            A job file is one JSON object. kind says what is to be done, and which further keys there are. A key that is unknown is an error, and so is \
            one that is given twice; all errors of a file are told at once, each with its place. A key that is left out has its default.

            Drop the file as NAME.json into the spool's incoming directory, or a directory NAME that holds it as job.json together with its input files, or hand \
            it in with diffctl submit. Relative paths start from the dropped directory, or from the spool for a single file. Paths must lie in the \
            spool or in allowed_paths of diffd.yaml(5), after links are resolved.

            Below, a key of an object within the job is written after a dot: training.steps.
            """)
        let kinds = JobSpec.schema["oneOf"]?.elements ?? []
        let common = commonKeys(kinds)
        page.section("KEYS OF EVERY JOB")
        page.item(
            "*kind*",
            [
                "Required: " + JobKind.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ") + "."
            ])
        if let first = kinds.first { write(first, to: &page) { common.contains($0) } }
        for kind in kinds {
            guard let name = kind["properties"]?["kind"]?["const"]?.string else { continue }
            // A kind with one architecture is described by itself.
            let architectures = kind["properties"]?["model"]?["oneOf"]?.elements ?? []
            let only =
                architectures.count == 1 ? architectures[0]["properties"]?["architecture"]?["const"]?.string : nil
            page.section("KEYS OF KIND \(name.uppercased())" + (only.map { " WITH \($0.uppercased())" } ?? ""))
            write(kind, to: &page) { !common.contains($0) && $0 != "kind" }
        }
        page.section("EXAMPLE")
        page.verbatim(
            """
            { "kind": "train", "name": "spiral",
              "model": { "architecture": "mlp" },
              "dataset": { "format": "synthetic", "name": "spiral" },
              "training": { "steps": 2000, "batch_size": 100, "learning_rate": 1e-3 } }

            { "kind": "sample", "model": "spiral", "after": ["spiral"], "count": 1000 }
            """)
        page.section("SEE ALSO")
        page.paragraphs("diffctl(1), diffd.yaml(5), diffd(8). The JSON Schema of job files is job.schema.json.")
        return page.text
    }

    /// Keys that all kinds have, with the same meaning.
    private static func commonKeys(_ kinds: [JSONNode]) -> Set<String> {
        let tables = kinds.map { $0["properties"] ?? .null }
        let names = (tables.first?.members ?? []).map(\.name)
        return Set(names.filter { name in tables.allSatisfy { $0[name] == tables[0][name] } })
    }

    private static func write(_ object: JSONNode, to page: inout Roff, where isWanted: (String) -> Bool) {
        for member in object["properties"]?.members ?? [] where isWanted(member.name) {
            write(member, in: object, prefix: "", to: &page)
        }
    }

    private static func write(_ member: JSONNode.Member, in object: JSONNode, prefix: String, to page: inout Roff) {
        let schema = member.node
        let name = prefix + member.name
        let isRequired = object["required"]?.elements?.contains(JSONNode(.string(member.name))) ?? false
        let type = KeyType.text(schema)
        let isObject = schema["properties"] != nil
        let standard = isRequired ? "required" : isObject ? nil : schema["default"].map { "default \($0.text.trimmed)" }
        page.item(
            "*\(name)*",
            [[type, standard].compactMap(\.self).joined(separator: "; "), schema["description"]?.string ?? ""])
        for inner in schema["properties"]?.members ?? [] { write(inner, in: schema, prefix: name + ".", to: &page) }
        for alternative in schema["oneOf"]?.elements ?? [] {
            let members = alternative["properties"]?.members ?? []
            guard let choice = members.first, let value = choice.node["const"] else { continue }
            page.subsection("\(name) with \(choice.name): \(value.text.trimmed)")
            for inner in members.dropFirst() { write(inner, in: alternative, prefix: name + ".", to: &page) }
        }
    }
}

/// What values a key takes, in words.
enum KeyType {
    static func text(_ schema: JSONNode) -> String {
        if let choices = schema["enum"]?.elements { return choices.map(\.text.trimmed).joined(separator: ", ") }
        if let choices = schema["oneOf"]?.elements {
            let keys = choices.compactMap { $0["properties"]?.members?.first }
            return "object, by its \(keys.first?.name ?? "kind"): "
                + keys.compactMap { $0.node["const"]?.text.trimmed }.joined(separator: ", ")
        }
        if let choices = schema["anyOf"]?.elements { return choices.map(text).joined(separator: ", or ") }
        let types = schema["type"]?.elements?.compactMap(\.string) ?? [schema["type"]?.string].compactMap(\.self)
        return types.map { word($0, schema) }.joined(separator: ", or ")
    }

    private static func word(_ type: String, _ schema: JSONNode) -> String {
        switch type {
        case "integer": "whole number" + range(schema)
        case "number": "number" + range(schema)
        case "boolean": "true or false"
        case "array": "array of " + (schema["items"].map { "(\(text($0)))" } ?? "values")
        case "string": schema["format"]?.string == "date-time" ? "time (RFC 3339)" : "string"
        default: type
        }
    }

    /// Bounds that say something: not those that only keep a number within what a computer holds.
    private static func range(_ schema: JSONNode) -> String {
        let low =
            schema["minimum"].map { "from \($0.text.trimmed)" }
            ?? schema["exclusiveMinimum"].map { "above \($0.text.trimmed)" }
        let high: String? =
            if let maximum = schema["maximum"], (maximum.number ?? 0) < 1e9 { "to \(maximum.text.trimmed)" } else {
                schema["exclusiveMaximum"].map { "below \($0.text.trimmed)" }
            }
        let words = [low, high].compactMap(\.self)
        return words.isEmpty ? "" : " " + words.joined(separator: " ")
    }
}

extension String {
    /// Without the line feed that ends a JSON text, and on one line.
    fileprivate var trimmed: String {
        split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " } }.joined(separator: " ")
    }
}
