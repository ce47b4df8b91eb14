import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import Spool
import StrictJSON
import TestSupport
import Testing

@Suite struct PathTests {
    private func resolver(_ scene: SpoolScene) throws -> ModelResolver {
        ModelResolver(
            scene.layout, try PathPolicy(spool: scene.layout.root, allowedPaths: [], in: scene.files), in: scene.files)
    }

    @Test func onlyTheSpoolAndAllowedPathsAreRead() throws {
        let scene = try SpoolScene()
        let outside = try TemporaryDirectory()
        let allowed = try TemporaryDirectory()
        try scene.files.writeDurably([1], to: outside("secret"))
        try scene.files.writeDurably([1], to: allowed("data"))
        try scene.files.writeDurably([1], to: scene.layout.root + "/in")
        try scene.files.createSymbolicLink(scene.layout.root + "/link", to: outside.path)
        try scene.files.createSymbolicLink(scene.layout.root + "/good", to: allowed("data"))
        // One that cannot be looked at costs nobody else anything.
        let loop = outside("loop")
        try scene.files.createSymbolicLink(loop, to: loop)
        let policy = try PathPolicy(
            spool: scene.layout.root, allowedPaths: [loop, allowed.path, "/no/such/place"], in: scene.files)
        #expect(PathPolicy.fault(ofAllowed: loop, in: scene.files)?.code == .denied)
        #expect(PathPolicy.fault(ofAllowed: "/no/such/place", in: scene.files)?.code == .missing)
        #expect(PathPolicy.fault(ofAllowed: allowed.path, in: scene.files) == nil)
        func code(_ path: String) -> Problem.Code? {
            do throws(Problem) {
                _ = try policy.resolve(path, base: scene.layout.root)
                return nil
            } catch { return error.code }
        }
        #expect(code("in") == nil && code("good") == nil && code(allowed("data")) == nil)
        #expect(code("missing") == .missing && code(allowed("missing")) == .missing)
        for path in ["link/secret", "link/missing", outside("secret"), outside("missing"), "/etc/passwd", "../..", "/"]
        {
            #expect(code(path) == .denied, "\(path)")
        }
        #expect(code(allowed.path + "-sibling") == .denied)
        #expect(try policy.resolve("good", base: scene.layout.root) == allowed("data"))
    }

    @Test func whatIsAnotherJobsIsNotRead() throws {
        let scene = try SpoolScene()
        let files = scene.files
        let job = scene.layout.jobs + "/000001-theirs"
        for name in ["", "/inputs", "/model", "/outputs"] { try files.createDirectory(job + name, mode: 0o770) }
        for name in ["inputs/a.png", "outputs/a.png"] { try files.writeDurably([1], to: "\(job)/\(name)") }
        try files.createDirectory(scene.layout.incoming + "/drop", mode: 0o770)
        try files.writeDurably([1], to: scene.layout.incoming + "/drop/a.png")
        try files.writeDurably([1], to: scene.layout.root + "/shared")
        try files.createSymbolicLink(scene.layout.root + "/sly", to: job + "/inputs")
        func codes(_ policy: PathPolicy, _ paths: [String]) -> [Problem.Code?] {
            paths.map { path in
                do throws(Problem) {
                    _ = try policy.resolve(path, base: scene.layout.root)
                    return nil
                } catch { return error.code }
            }
        }
        // Even where a directory above is allowed.
        for allowed in [[], ["/"]] {
            let policy = try PathPolicy(spool: scene.layout.root, allowedPaths: allowed, in: files)
            let closed = [
                ".", "incoming", "incoming/drop/a.png", "incoming/missing", "rejected", ".diffd/queue.sqlite", "jobs",
                "jobs/000001-theirs", "jobs/000001-theirs/inputs", "jobs/000001-theirs/inputs/a.png",
                "jobs/000001-theirs/inputs/missing", "sly", "sly/a.png", "models/../jobs/000001-theirs/inputs",
            ]
            #expect(codes(policy, closed) == closed.map { _ in .denied })
            let open = ["shared", "models", "jobs/000001-theirs/model", "jobs/000001-theirs/outputs/a.png"]
            #expect(codes(policy, open) == open.map { _ in nil })
            #expect(codes(policy, ["jobs/000002-later/model", "missing"]) == [.missing, .missing])
        }
        // Who has dropped it may have another job read it.
        func accept(_ directory: String, _ id: Int, by owner: String) throws {
            let acceptance = Acceptance(id: id, submittedAt: .now, owner: owner, token: "")
            try files.writeDurably(JSONText.encode(acceptance), to: "\(directory)/\(JobFiles.acceptance)")
        }
        try accept(job, 1, by: "ada")
        for (id, owner, code) in [(2, "ada", nil), (3, "ben", Problem.Code.denied)] {
            let another = scene.layout.jobs + "/00000\(id)-another"
            try files.createDirectory(another, mode: 0o770)
            try accept(another, id, by: owner)
            let policy = try PathPolicy(spool: scene.layout.root, allowedPaths: [], own: another, in: files)
            #expect(
                codes(policy, ["sly/a.png", "jobs/000001-theirs/inputs", "jobs", "incoming"]) == [
                    code, code, .denied, .denied,
                ])
        }
        let own = try PathPolicy(spool: scene.layout.root, allowedPaths: [], own: job, in: files)
        #expect(codes(own, ["sly/a.png", "jobs/000001-theirs", "incoming/drop/a.png"]) == [nil, nil, .denied])
    }

    @Test func inputsOfAJobAreChecked() throws {
        let scene = try SpoolScene()
        let directories = JobDirectories(
            scene.layout, try PathPolicy(spool: scene.layout.root, allowedPaths: [], in: scene.files), in: scene.files)
        func problem(_ path: String) throws -> Problem? {
            let text = SpoolScene.folderJob.replacing("pictures", with: path)
            let spec = try JobSpec.decode(Array(text.utf8), fileName: "a.json")
            do throws(Problems) {
                _ = try directories.resolveInputs(of: spec, file: "a.json")
                return nil
            } catch { return error.all.first }
        }
        #expect(try problem("nowhere")?.code == .missing)
        #expect(try problem("/etc")?.code == .denied)
        #expect(try problem("models") == nil)
        try scene.files.writeDurably([1], to: scene.layout.root + "/file")
        let wrong = try #require(try problem("file"))
        #expect(
            wrong.code == .invalid && wrong.path == "$.dataset.path" && wrong.file == "a.json" && wrong.remedy != nil)
    }

    @Test func findsModels() throws {
        let scene = try SpoolScene()
        for name in ["000003-shirts", "000012-shirts", "000013-shirts", "000020-hats"] {
            try scene.files.createDirectory(scene.layout.jobs + "/" + name, mode: 0o770)
        }
        for name in ["000003-shirts", "000012-shirts"] {
            try scene.files.createDirectory(scene.layout.jobs + "/" + name + "/model", mode: 0o770)
        }
        let resolver = try resolver(scene)
        try resolver.publish("shirts", from: "000012-shirts")
        let newest = scene.layout.jobs + "/000012-shirts/model"
        #expect(try resolver.location(of: .published("shirts")) == newest)
        #expect(try resolver.location(of: .jobName("shirts")) == newest)
        #expect(try resolver.location(of: .jobID(3)) == scene.layout.jobs + "/000003-shirts/model")
        #expect(
            try resolver.location(of: .path("jobs/000003-shirts/model")) == scene.layout.jobs + "/000003-shirts/model")
        for reference in [
            ModelReference.jobID(20), .jobID(99), .jobName("hat"), .published("hats"), .path("./nowhere"),
        ] {
            let problem = try #require(throws: Problem.self) { try resolver.location(of: reference) }
            #expect(problem.code == .missing && problem.remedy != nil && problem.path == "$.model")
        }
        #expect(throws: Problem.self) { try resolver.location(of: .path("/etc")) }
    }

    /// Members may write into models/: a link that one of them has made, whatever its target is called, is no model for
    /// others' jobs.
    @Test(.enabled(if: geteuid() == 0, "only root can be several users")) func linksOfOthersAreNotFollowed() throws {
        let scene = try SpoolScene()
        try scene.files.createDirectoriesDurably(scene.layout.jobs + "/999999-x/model", mode: 0o770)
        let link = scene.layout.models + "/flowers"
        try scene.files.createSymbolicLink(link, to: "../jobs/999999-x/model")
        let resolver = try resolver(scene)
        #expect(try resolver.location(of: .published("flowers")) == scene.layout.jobs + "/999999-x/model")
        #expect(lchown(link, 64999, 64999) == 0)
        let problem = try #require(throws: Problem.self) { try resolver.location(of: .published("flowers")) }
        #expect(problem.code == .denied && problem.message.contains("64999"))
        // A training of that name takes the name over.
        try scene.files.createDirectoriesDurably(scene.layout.jobs + "/000001-flowers/model", mode: 0o770)
        try resolver.publish("flowers", from: "000001-flowers")
        #expect(try resolver.location(of: .published("flowers")) == scene.layout.jobs + "/000001-flowers/model")
    }

    @Test func directoryNamesReadBack() {
        #expect(SpoolLayout.directoryName(id: 42, name: "a-b") == "000042-a-b")
        #expect(SpoolLayout.directoryName(id: 1_234_567, name: "x") == "1234567-x")
        #expect(SpoolLayout.job(fromDirectoryName: "000042-a-b")?.name == "a-b")
        for name in ["42-x", "000042", "x-1", ".000042-x", "000042-", "-1-x"] {
            #expect(SpoolLayout.job(fromDirectoryName: name) == nil, "\(name)")
        }
    }
}
