import Foundation
import JobSpec
import Problems
import StrictJSON
import TestSupport
import Testing

/// Editors check job files by the schema, people by `diffctl validate`, the queue by decoding: they say the same.
@Suite("Schema and decoding agree") struct SchemaAgreementTests {
    private static let validator = SchemaValidator(JobSpec.schema)
    private static let bases = [
        JobSpecTests.train, JobSpecTests.sample, JobSpecTests.edit, JobSpecTests.spiral,
    ]

    /// Every key of every kind gets values at and beyond its limits. Whatever is a job is one by the schema: for each key, and for pairs
    /// of keys. Where the schema allows what is no job, a rule between keys says so, with its place.
    @Test(arguments: bases.indices)
    func accepted(base: Int) throws {
        var generator = SeededGenerator(seed: 14)
        let original = try JSONNode.parse(Array(Self.bases[base].utf8))
        #expect(Self.validator.accepts(original))
        let kind = try #require(original["kind"]?.string)
        let schema = try #require(
            JobSpec.schema["oneOf"]?.elements?.first { $0["properties"]?["kind"]?["const"]?.string == kind })
        let keys = Self.keys(of: schema).filter { $0.path != ["kind"] }
        #expect(keys.count > 20)
        var (jobs, refused) = (0, 0)
        for key in keys {
            for value in Self.values(for: key.schema, &generator) {
                var job = original.setting(key.path, to: value)
                if Bool.random(using: &generator), let other = keys.randomElement(using: &generator),
                    let second = Self.values(for: other.schema, &generator).randomElement(using: &generator)
                {
                    job = job.setting(other.path, to: second)
                }
                let isAllowed = Self.validator.accepts(job)
                do throws(Problems) {
                    let spec = try JobSpec.decode(Array(job.text.utf8), fileName: "m.json")
                    jobs += 1
                    #expect(isAllowed, "\(key.path): the schema refuses \(job.line)")
                    // What the queue keeps is the same job, and allowed.
                    #expect(Self.validator.accepts(spec.json), "\(spec.json.line)")
                    #expect(try JobSpec.decode(Array(spec.json.text.utf8), fileName: "m.json") == spec)
                } catch {
                    refused += 1
                    #expect(
                        error.all.allSatisfy { $0.code != .internal && $0.path != nil && $0.remedy != nil }, "\(error)")
                }
            }
        }
        #expect(jobs > 100 && refused > 100)
    }

    /// Keys that no rule binds to others: what the schema allows is a job.
    @Test(arguments: [
        "name", "priority", "hold", "retries", "time_limit", "seed", "resources.memory", "resources.threads",
    ])
    func exact(key: String) throws {
        let texts = [
            "a", "7", "7a", "-a", "a.b_c-d", "a b", "a/b", "größe", "", "\u{7F}", String(repeating: "a", count: 64),
            String(repeating: "a", count: 65), "0s", "1s", "00001s", "90m", "1d12h", "12h1d", "1d1d", "9999d", "10000d",
            "1.5h",
            "9999d99999h9999999m999999999s", "4GiB", "4 GiB", "04GiB", "1B", "1000000B", "999999B", "1PiB", "9999TiB",
            "10000TiB", "1KiB", "1000KiB", "1GiB1MiB", "true", "1.5GiB", "1.5 GiB", "0.5GiB", "1.GiB", "1.2345GiB",
            "1.5B", "512 MB", "512  MB",
        ]
        let numbers: [JSONNode] = [
            0, 1, -1, 100, 101, 1_000_000, 1_000_001, -1_000_000, 999_999, 4096, 4097, 1.5, 1e300, .unsigned(.max),
            JSONNode(.integer(1 << 54)), JSONNode(.integer(1 << 54 + 1)), JSONNode(.integer(3_155_760_001)),
        ]
        let values = texts.map { JSONNode(.string($0)) } + numbers + [.null, true, false, [], [:]]
        let path = key.split(separator: ".").map(String.init)
        let original = try JSONNode.parse(Array(JobSpecTests.spiral.utf8))
        var jobs = 0
        for value in values {
            let job = original.setting(path, to: value)
            let isJob = (try? JobSpec.decode(Array(job.text.utf8), fileName: "m.json")) != nil
            jobs += isJob ? 1 : 0
            #expect(isJob == Self.validator.accepts(job), "\(key): \(value.line) is \(isJob ? "a" : "no") job")
        }
        #expect(jobs > 0 && jobs < values.count)
    }

    private struct Key {
        var path: [String]
        var schema: JSONNode
    }

    /// All keys of an object, those of objects within it included.
    private static func keys(of schema: JSONNode, in path: [String] = []) -> [Key] {
        let own = (schema["properties"]?.members ?? []).flatMap { member in
            [Key(path: path + [member.name], schema: member.node)] + keys(of: member.node, in: path + [member.name])
        }
        return own + ["oneOf", "anyOf"].flatMap { (schema[$0]?.elements ?? []).flatMap { keys(of: $0, in: path) } }
    }

    /// Values at the limits that the schema names, and such as fit nowhere.
    private static func values(for schema: JSONNode, _ generator: inout SeededGenerator) -> [JSONNode] {
        var values: [JSONNode] = [.null, true, 0, 1, -1, 0.5, 1e300, "x", "", [], [:], [1, 2]]
        for name in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
            guard let limit = schema[name] else { continue }
            values.append(limit)
            if let integer = limit.integer, abs(integer) < 1 << 53 {
                values += [JSONNode(.integer(integer - 1)), JSONNode(.integer(integer + 1))]
            } else if let number = limit.number {
                values += [JSONNode(.number(number.nextUp)), JSONNode(.number(number.nextDown))].filter {
                    $0.number?.isFinite == true
                }
            }
        }
        values += schema["enum"]?.elements ?? []
        values += [schema["const"], schema["default"]].compactMap(\.self)
        if let limit = schema["maxLength"]?.integer, limit < 10_000 {
            values += [limit, limit + 1].map { JSONNode(.string(String(repeating: "a", count: $0))) }
        }
        if let items = schema["items"], let low = schema["minItems"]?.integer {
            let item = Self.values(for: items, &generator).randomElement(using: &generator) ?? 1
            values += [low, low + 1].map { JSONNode(.array(Array(repeating: item, count: $0))) }
        }
        for name in ["anyOf", "oneOf"] {
            for alternative in schema[name]?.elements ?? [] { values += Self.values(for: alternative, &generator) }
        }
        return values
    }
}

extension JSONNode {
    /// The object with `value` at `path`; objects on the way are made.
    fileprivate func setting(_ path: [String], to value: JSONNode) -> JSONNode {
        guard let name = path.first else { return value }
        var members = self.members ?? []
        let new = (self[name] ?? [:]).setting(Array(path.dropFirst()), to: value)
        if let index = members.firstIndex(where: { $0.name == name }) {
            members[index].node = new
        } else {
            members.append(Member(name, new))
        }
        return JSONNode(.object(members))
    }
}
