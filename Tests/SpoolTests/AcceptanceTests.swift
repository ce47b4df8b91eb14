import DurableFiles
import Foundation
import JobSpec
import Problems
import Spool
import StrictJSON
import TestSupport
import Testing

@Suite struct AcceptanceTests {
    private static let outcomes: [CrashingFileSystem.Outcome] = [
        .programDied, .allLost, .someLost(seed: 1), .someLost(seed: 2),
    ]
    private let time = Date(timeIntervalSince1970: 1_700_000_000)

    /// Accepts whatever is in `incoming/`, as the daemon does, with ids by token.
    private func accept(_ layout: SpoolLayout, _ files: any FileSystem, ids: (String) -> Int = { _ in 1 }) throws
        -> [String]
    {
        var incoming = Incoming(layout, in: files)
        _ = try incoming.scan(at: .zero)
        let directories = JobDirectories(
            layout, try PathPolicy(spool: layout.root, allowedPaths: [], in: files), in: files)
        return try incoming.scan(at: .seconds(20)).drops.map { drop in
            guard case .job(let spec, let bytes) = drop.content else { throw Problem(.internal, "refused") }
            let folder = drop.isDirectory ? drop.name : nil
            let resolved = try directories.resolveInputs(of: spec, file: drop.name, drop: folder)
            let acceptance = Acceptance(
                id: ids(drop.token), submittedAt: time, owner: "ada", token: drop.token, inputs: drop.inputs)
            let name = try directories.prepare(
                resolved, request: bytes, acceptance: acceptance, drop: folder, seen: drop)
            try directories.removeDrop(drop.name, token: drop.token)
            return name
        }
    }

    @Test func aFileBecomesAJobDirectory() throws {
        let scene = try SpoolScene()
        try scene.drop("spiral.json", SpoolScene.job)
        #expect(try accept(scene.layout, scene.files) == ["000001-spiral"])
        let directory = scene.layout.jobDirectory("000001-spiral")
        #expect(try scene.names(scene.layout.incoming) == [])
        #expect(try scene.text(directory + "/request.json") == SpoolScene.job)
        let directories = JobDirectories(
            scene.layout, try PathPolicy(spool: scene.layout.root, allowedPaths: [], in: scene.files), in: scene.files)
        let (spec, acceptance) = try directories.read("000001-spiral")
        #expect(
            spec.name == "spiral" && acceptance.id == 1 && acceptance.owner == "ada" && acceptance.submittedAt == time)
        #expect(try scene.layout.jobDirectories(in: scene.files) == [1: "000001-spiral"])
    }

    @Test func aDirectorysInputsGoWithTheJob() throws {
        let scene = try SpoolScene()
        try scene.drop("shirts/job.json", SpoolScene.folderJob)
        try scene.drop("shirts/pictures/1.png", "picture")
        #expect(try accept(scene.layout, scene.files) == ["000001-shirts"])
        let directory = scene.layout.jobDirectory("000001-shirts")
        #expect(try scene.text(directory + "/inputs/pictures/1.png") == "picture")
        let spec = try JobSpec.decode(
            try scene.files.read(directory + "/job.json", limit: 1 << 20), fileName: "job.json")
        // From the spool, which may move.
        #expect(spec.inputs.map(\.path) == ["jobs/000001-shirts/inputs/pictures"] && spec.name == "shirts")
        let directories = JobDirectories(
            scene.layout, try PathPolicy(spool: scene.layout.root, allowedPaths: [], in: scene.files), in: scene.files)
        let inputs = try directories.read("000001-shirts").acceptance.inputs
        #expect(inputs?.files == 2 && inputs?.folders == [".": 1, "pictures": 1])
        #expect(try directories.inputs(of: "000001-shirts") == inputs)
        #expect(try scene.names(scene.layout.incoming) == [])
    }

    /// Whatever happens while a drop is accepted, doing it again finds one whole job and no drop.
    @Test(arguments: [false, true])
    func crashes(isDirectory: Bool) throws {
        let tried = try CrashTest.run(
            outcomes: Self.outcomes,
            prepare: { root in
                let layout = SpoolLayout(root: root)
                try layout.prepare(in: PosixFileSystem())
                let files = PosixFileSystem()
                if isDirectory {
                    try files.createDirectory(layout.incoming + "/a", mode: 0o770)
                    try files.createDirectory(layout.incoming + "/a/pictures", mode: 0o770)
                    try files.writeDurably(Array("x".utf8), to: layout.incoming + "/a/pictures/1.png")
                    try files.writeDurably(Array(SpoolScene.folderJob.utf8), to: layout.incoming + "/a/job.json")
                } else {
                    try files.writeDurably(Array(SpoolScene.job.utf8), to: layout.incoming + "/a.json")
                }
            },
            operation: { files, root in _ = try accept(SpoolLayout(root: root), files) },
            check: { root, point in
                let files = PosixFileSystem()
                let layout = SpoolLayout(root: root)
                try layout.prepare(in: files)
                let before = try files.list(layout.incoming).entries.map(\.name)
                let jobs = try layout.jobDirectories(in: files)
                #expect(!before.isEmpty || jobs == [1: "000001-a"], "the job is lost: \(point)")
                if point.isComplete { #expect(before.isEmpty, "the drop is still there: \(point)") }
                _ = try accept(layout, files)
                #expect(try files.list(layout.incoming).entries.isEmpty, "\(point)")
                let directory = layout.jobDirectory("000001-a")
                let policy = try PathPolicy(spool: root, allowedPaths: [], in: files)
                #expect(try JobDirectories(layout, policy, in: files).read("000001-a").acceptance.id == 1, "\(point)")
                let request = String(
                    decoding: try files.read(directory + "/request.json", limit: 1 << 20), as: UTF8.self)
                #expect(request == (isDirectory ? SpoolScene.folderJob : SpoolScene.job), "\(point)")
                if isDirectory { #expect(try files.exists(directory + "/inputs/pictures/1.png"), "\(point)") }
            })
        #expect(tried > 50)
    }

    @Test func anotherFileOfTheSameNameIsNotRemoved() throws {
        let scene = try SpoolScene()
        try scene.drop("a.json", SpoolScene.job)
        let directories = JobDirectories(
            scene.layout, try PathPolicy(spool: scene.layout.root, allowedPaths: [], in: scene.files), in: scene.files)
        try directories.removeDrop("a.json", token: "another")
        try directories.removeDrop("missing.json", token: "another")
        #expect(try scene.names(scene.layout.incoming) == ["a.json"])
    }

    /// Pictures and clips are files or folders, a mask is a file.
    @Test func inputsAreFilesOrFolders() throws {
        let scene = try SpoolScene()
        try scene.files.createDirectory(scene.layout.root + "/frames", mode: 0o700)
        try scene.files.writeDurably([0], to: scene.layout.root + "/clip.mp4")
        func refused(_ keys: String) throws -> [String] {
            let spec = try JobSpec.decode(Array("{\(keys), \"model\": \"shapes\"}".utf8), fileName: "a.json")
            let directories = JobDirectories(
                scene.layout, try PathPolicy(spool: scene.layout.root, allowedPaths: [], in: scene.files),
                in: scene.files)
            do { _ = try directories.resolveInputs(of: spec, file: "a.json") } catch {
                return error.all.map { "\($0.path ?? ""): \($0.message)" }
            }
            return []
        }
        for clip in ["frames", "clip.mp4"] {
            let extend = "\"kind\": \"video_extend\", \"video\": \"\(clip)\""
            #expect(try refused("\(extend), \"frames\": 8") == [])
            #expect(try refused("\(extend), \"direction\": \"between\", \"to\": \"\(clip)\", \"frames\": 8") == [])
        }
        let edit = "\"kind\": \"img2img\", \"image\": \"frames\", \"strength\": 0.5"
        #expect(try refused(edit) == [])
        #expect(try refused("\(edit), \"mask\": \"frames\"") == ["$.mask: frames is not a regular file"])
    }

    /// An autoencoder that is there is looked at; one that another job has still to make is not.
    @Test func aTrainingOnLatentsFitsItsAutoencoder() throws {
        let scene = try SpoolScene()
        func job(_ channels: Int, _ rest: String = "") -> String {
            """
            {"kind": "train", "autoencoder": "ae", \(rest)
             "model": {"architecture": "dit", "num_layers": 1, "in_channels": \(channels), "sample_size": 8,
                       "num_embeds_ada_norm": 3},
             "dataset": {"format": "synthetic", "name": "shapes", "resolution": 16}, "training": {"steps": 1}}
            """
        }
        func resolve(_ text: String) throws {
            let spec = try JobSpec.decode(Array(text.utf8), fileName: "a.json")
            let directories = JobDirectories(
                scene.layout, try PathPolicy(spool: scene.layout.root, allowedPaths: [], in: scene.files),
                in: scene.files)
            _ = try directories.resolveInputs(of: spec, file: "a.json")
        }
        // Nothing is published yet.
        try resolve(job(3))
        try scene.files.createDirectory(scene.layout.models + "/ae", mode: 0o700)
        let config = """
            {"_class_name": "AutoencoderKL", "block_out_channels": [32, 64], "latent_channels": 2,
             "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"],
             "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"]}
            """
        try scene.files.writeDurably(Array(config.utf8), to: scene.layout.models + "/ae/config.json")
        try resolve(job(2))
        try resolve(job(3, "\"after\": [7],"))
        let problems = try #require(throws: Problems.self) { try resolve(job(3)) }
        #expect(problems.all.map(\.path) == ["$.model.in_channels"] && problems.all[0].file == "a.json")
    }

    /// A worker that was killed while it wrote latents leaves a draft, which belongs to no job.
    @Test func draftsInTheCacheGoWhenTheDaemonStarts() throws {
        let scene = try SpoolScene()
        try scene.files.createDirectoriesDurably(scene.layout.latents)
        for name in ["kept.safetensors", ".kept.safetensors.tmp-0123456789abcdef"] {
            try scene.files.writeAtomically([1], to: scene.layout.latents + "/" + name)
        }
        try scene.layout.prepare(in: scene.files)
        #expect(try scene.names(scene.layout.latents) == ["kept.safetensors"])
    }

    @Test func refusedDropsMoveAsideWithAReceipt() throws {
        let scene = try SpoolScene()
        let problems = Problems([Problem(.invalid, "bad", remedy: "mend it", path: "$.x", line: 1, column: 2)])
        for _ in 0..<2 {
            try scene.drop("a.json", "{}")
            try scene.layout.reject("a.json", problems, at: time, in: scene.files)
        }
        try scene.drop("dir/x", "1")
        try scene.layout.reject("dir", problems, at: time, in: scene.files)
        #expect(
            try scene.names(scene.layout.rejected) == [
                "a-2.error.json", "a-2.json", "a.error.json", "a.json", "dir", "dir.error.json",
            ])
        let receipt = try JSONText.decode(
            Receipt.self, from: try scene.files.read(scene.layout.rejected + "/a-2.error.json", limit: 1 << 20))
        #expect(receipt.problems == problems.all && receipt.name == "a.json" && receipt.rejectedAt == time)
    }

    /// With the ending of a receipt they would be longer than a file system allows.
    @Test(arguments: [240, 245, 250, 255]) func longNamesAreRefused(length: Int) throws {
        let scene = try SpoolScene()
        for suffix in [".json", ""] {
            let name = String(repeating: "y", count: length - suffix.count) + suffix
            try scene.drop(name, "{bad}")
            let problems = Problems([Problem(.invalid, "bad")])
            let path = try scene.layout.reject(name, problems, at: time, in: scene.files).path
            let receipt = try JSONText.decode(Receipt.self, from: try scene.files.read(path, limit: 1 << 20))
            #expect(receipt.name == name)
        }
        #expect(try scene.names(scene.layout.incoming).isEmpty && scene.names(scene.layout.rejected).count == 4)
    }

    /// Others write there too: what they have begun is not ours to remove, and never in the way.
    @Test func temporariesOfOthersStay() throws {
        let scene = try SpoolScene()
        for directory in [scene.layout.incoming, scene.layout.rejected, scene.layout.models] {
            try scene.files.createDirectory(directory + "/.x.tmp-0123456789abcdef", mode: 0o700)
        }
        #expect(try scene.layout.prepare(in: scene.files).isEmpty)
        #expect(try scene.names(scene.layout.incoming) == [".x.tmp-0123456789abcdef"])
        let later = Date(timeIntervalSinceNow: 2 * 86_400)
        #expect(try scene.layout.prepare(at: later, in: scene.files).isEmpty)
        #expect(try scene.names(scene.layout.incoming).isEmpty && scene.names(scene.layout.models).isEmpty)
    }

    /// Something comes between the look and the move: it is not taken in without it.
    @Test func whatChangesWhileItIsTakenInIsLookedAtAgain() throws {
        let scene = try SpoolScene()
        try scene.drop("a/job.json", SpoolScene.folderJob)
        try scene.drop("a/pictures/1.png", "x")
        var incoming = scene.incoming
        _ = try incoming.scan(at: .zero)
        let drop = try #require(try incoming.scan(at: .seconds(10)).drops.first)
        guard case .job(let spec, let bytes) = drop.content else { throw Problem(.internal, "refused") }
        try scene.drop("a/pictures/2.png", "x")
        let directories = JobDirectories(
            scene.layout, try PathPolicy(spool: scene.layout.root, allowedPaths: [], in: scene.files), in: scene.files)
        let acceptance = Acceptance(id: 1, submittedAt: time, owner: nil, token: drop.token, inputs: drop.inputs)
        let problem = try #require(throws: Problem.self) {
            try directories.prepare(spec, request: bytes, acceptance: acceptance, drop: "a", seen: drop)
        }
        #expect(problem.code == .unavailable && problem.file == "a")
        #expect(try scene.names(scene.layout.incoming) == ["a"] && scene.names(scene.layout.jobs).isEmpty)
    }

    @Test func aRefusalSurvivesCrashes() throws {
        try CrashTest.run(
            outcomes: Self.outcomes,
            prepare: { root in
                let layout = SpoolLayout(root: root)
                try layout.prepare(in: PosixFileSystem())
                try PosixFileSystem().writeDurably(Array("{}".utf8), to: layout.incoming + "/a.json")
            },
            operation: { files, root in
                try SpoolLayout(root: root).reject("a.json", Problems([Problem(.invalid, "bad")]), at: time, in: files)
            },
            check: { root, point in
                let files = PosixFileSystem()
                let layout = SpoolLayout(root: root)
                // Others write in rejected/ too: a temporary is only removed when it must have been abandoned.
                try layout.prepare(at: .now + 30 * 86_400, in: files)
                if try files.exists(layout.incoming + "/a.json") {
                    try layout.reject("a.json", Problems([Problem(.invalid, "bad")]), at: time, in: files)
                }
                #expect(try files.list(layout.rejected).entries.map(\.name) == ["a.error.json", "a.json"], "\(point)")
            })
    }
}
