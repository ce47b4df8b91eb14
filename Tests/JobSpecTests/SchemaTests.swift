import Foundation
import JobSpec
import StrictJSON
import Testing

@Suite struct SchemaTests {
    /// `etc/job.schema.json` is generated: `DIFFD_WRITE_SCHEMA=1 swift test --filter SchemaTests` writes it anew.
    @Test func theCommittedSchemaIsCurrent() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appending(path: "etc/job.schema.json")
        let text = JobSpec.schema.text
        if ProcessInfo.processInfo.environment["DIFFD_WRITE_SCHEMA"] != nil {
            try Data(text.utf8).write(to: file)
        }
        #expect(
            String(decoding: try Data(contentsOf: file), as: UTF8.self) == text,
            "regenerate it: DIFFD_WRITE_SCHEMA=1 swift test --filter SchemaTests")
    }

    @Test func everyKeyIsDescribed() {
        func check(_ schema: JSONNode, _ path: String) {
            for member in schema["properties"]?.members ?? [] {
                let isDescribed = member.node["description"]?.string?.hasSuffix(".") ?? (member.node["const"] != nil)
                #expect(isDescribed, "\(path).\(member.name) has no description")
                check(member.node, "\(path).\(member.name)")
            }
            for alternative in schema["oneOf"]?.elements ?? [] { check(alternative, path) }
        }
        check(JobSpec.schema, "$")
        let kinds = JobSpec.schema["oneOf"]?.elements?.compactMap { $0["properties"]?["kind"]?["const"]?.string }
        #expect(Set(kinds ?? []) == Set(JobKind.allCases.map(\.rawValue)))
    }
}
