import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import ProgramTestSupport
import Spool
import StrictJSON
import TestSupport
import Testing

struct BadDrop: Sendable {
    /// Also its name in incoming/.
    var name: String
    var json: String
    var code: Problem.Code
    /// Where in the file; nil: the file as a whole.
    var path: String?
    /// In the message.
    var tells: String
}

/// Bad input through the spool: told in a receipt, and the daemon goes on.
@Suite("a bad job file") struct RefusalTests {
    private static let good = TinyJobs.training("good").replacing("\"seed\"", with: "\"hold\": true, \"seed\"")

    @Test("is seen wherever somebody looks")
    func seen() async throws {
        let service = try await LiveService()
        let text = Self.good.replacing("\"steps\": 60", with: "\"steps\": \"many\"")
        try PosixFileSystem().writeAtomically(Array(text.utf8), to: service.incoming("evening.json"))
        try await eventually("it is refused") {
            try service.names("rejected").contains("evening.error.json") ? true : nil
        }
        for verb in ["status", "list"] {
            let answer = try await service.diffctl(verb)
            #expect(answer.status == 0 && answer.output.contains("refused  evening.json: "), "\(verb): \(answer)")
            let json = try await service.diffctl(verb, "--json").json
            #expect(json["rejected"]?.elements?.first?["name"]?.string == "evening.json")
        }
        let named = try await service.diffctl("status", "evening")
        #expect(
            named.status == 65 && named.output.contains("$.training.steps")
                && named.output.contains("evening.error.json"))
        let shown = try await service.diffctl("show", "evening")
        #expect(shown.status == 4 && shown.errors.contains("evening.json was refused"))
        #expect(try await service.diffctl("doctor").output.contains("the drop evening.json was refused"))
    }

    static let drops: [BadDrop] = [
        BadDrop(name: "malformed", json: "{\"kind\": train}", code: .invalid, path: nil, tells: "JSON"),
        BadDrop(name: "list", json: "[]", code: .invalid, path: "$", tells: "array"),
        BadDrop(
            name: "type", json: good.replacing("\"steps\": 60", with: "\"steps\": \"many\""), code: .invalid,
            path: "$.training.steps", tells: "steps"),
        BadDrop(
            name: "unknown", json: good.replacing("\"log_every\"", with: "\"colour\": 1, \"log_every\""),
            code: .invalid,
            path: "$.training.colour", tells: "colour"),
        BadDrop(
            name: "kind", json: "{\"kind\": \"bake\"}", code: .invalid, path: "$.kind", tells: "bake"),
        BadDrop(
            name: "groups", json: good.replacing("\"norm_num_groups\": 4", with: "\"norm_num_groups\": 3"),
            code: .invalid, path: "$.model.block_out_channels", tells: "norm_num_groups"),
        BadDrop(
            name: "odd", json: good.replacing("\"sample_size\": 8", with: "\"sample_size\": 7"), code: .invalid,
            path: "$.model.sample_size", tells: "7"),
        BadDrop(
            name: "missing",
            json: good.replacing(
                "\"format\": \"synthetic\", \"name\": \"shapes\", \"count\": 100",
                with: "\"format\": \"image_folder\", \"path\": \"nothing/here\""), code: .missing,
            path: "$.dataset.path", tells: "nothing/here"),
        BadDrop(
            name: "outside",
            json: good.replacing(
                "\"format\": \"synthetic\", \"name\": \"shapes\", \"count\": 100",
                with: "\"format\": \"image_folder\", \"path\": \"/etc\""), code: .denied, path: "$.dataset.path",
            tells: "/etc"),
        BadDrop(
            name: "after", json: good.replacing("\"seed\"", with: "\"after\": [\"nobody\"], \"seed\""), code: .missing,
            path: "$.after[0]", tells: "nobody"),
    ]

    private func receipt(_ service: LiveService, _ name: String) async throws -> Receipt {
        let file = "\(name).error.json"
        try await eventually("\(name) is refused") { try service.names("rejected").contains(file) }
        return try JSONText.decode(
            Receipt.self, from: PosixFileSystem().read("\(service.spool)/rejected/\(file)", limit: 1 << 20))
    }

    @Test("is refused with a receipt that names file, key and remedy, and nothing else suffers")
    func receipts() async throws {
        let service = try await LiveService()
        for drop in Self.drops {
            try Data(drop.json.utf8).write(to: URL(filePath: service.incoming("\(drop.name).json")))
        }
        // Two faults are told together.
        let twice = Self.good.replacing("\"batch_size\": 4", with: "\"batch_size\": -4").replacing(
            "\"kind\"", with: "\"kid\": 1, \"kind\"")
        try Data(twice.utf8).write(to: URL(filePath: service.incoming("twice.json")))
        for drop in Self.drops {
            let problems = try await receipt(service, drop.name).problems
            #expect(
                problems.allSatisfy { $0.file == "\(drop.name).json" && $0.remedy?.isEmpty == false }, "\(problems)")
            let told = problems.contains { problem in
                problem.code == drop.code && problem.message.contains(drop.tells)
                    && (drop.path == nil || problem.path == drop.path)
            }
            #expect(told, "\(drop.name): \(problems)")
            #expect(drop.name == "after" || drop.name == "missing" || drop.name == "outside" || problems[0].line != nil)
            try await eventually("\(drop.name) was moved") {
                try service.names("rejected").contains("\(drop.name).json")
            }
            let kept = try PosixFileSystem().read("\(service.spool)/rejected/\(drop.name).json", limit: 1 << 20)
            #expect(kept == Array(drop.json.utf8))
        }
        let both = try await receipt(service, "twice").problems.compactMap(\.path)
        #expect(Set(both) == ["$.kid", "$.training.batch_size"])

        try Data(Self.good.utf8).write(to: URL(filePath: service.incoming("good.json")))
        _ = try await service.accepted("good")
        #expect(try service.names("jobs").count == 1 && service.daemon?.isRunning == true)
    }

    @Test("that is empty is waited for, then refused")
    func empty() async throws {
        let service = try await LiveService()
        try Data().write(to: URL(filePath: service.incoming("void.json")))
        let problem = try #require(await receipt(service, "void").problems.first)
        #expect(problem.file == "void.json" && problem.remedy != nil, "\(problem)")
    }

    @Test("of 100 MB is refused unread, and a link in a directory that leads out is not followed")
    func large() async throws {
        let service = try await LiveService()
        let file = service.incoming("large.json")
        try Data(Self.good.utf8).write(to: URL(filePath: service.directory("large")))
        #expect(truncate(service.directory("large"), 100 << 20) == 0)
        #expect(rename(service.directory("large"), file) == 0)
        let problem = try #require(await receipt(service, "large").problems.first)
        #expect(
            problem.code == .invalid && problem.message.contains("larger") && problem.file == "large.json", "\(problem)"
        )

        let bundle = service.directory("sly")
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        #expect(symlink("/etc", "\(bundle)/pictures") == 0)
        let json = Self.good.replacing(
            "\"format\": \"synthetic\", \"name\": \"shapes\", \"count\": 100",
            with: "\"format\": \"image_folder\", \"path\": \"pictures\"")
        try Data(json.utf8).write(to: URL(filePath: "\(bundle)/job.json"))
        #expect(rename(bundle, service.incoming("sly")) == 0)
        let denied = try #require(await receipt(service, "sly").problems.first)
        #expect(denied.code == .denied && denied.path == "$.dataset.path" && denied.remedy != nil, "\(denied)")

        // The daemon has not grown by what it refused.
        let status = try String(contentsOfFile: "/proc/\(try #require(service.daemon).pid)/status", encoding: .utf8)
        let peak = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        #expect(try #require(peak.split(separator: " ").dropFirst().compactMap { Int($0) }.first) < 90 << 10, "\(peak)")
    }
}
