import Doctor
import DurableFiles
import Foundation
import JobQueue
import JobSpec
import Problems
import Safetensors
import Spool
import TestSupport
import Testing

@Suite struct ExaminationTests {
    /// A spool with a store and two accepted jobs.
    private final class Scene {
        let directory: TemporaryDirectory
        let layout: SpoolLayout
        let files = PosixFileSystem()

        init() throws {
            directory = try TemporaryDirectory()
            layout = SpoolLayout(root: directory.path)
            try layout.prepare(in: files)
            try files.createDirectory(directory(".diffd"), mode: 0o700)
            for name in ["a", "b"] { try accept(name) }
        }

        var store: QueueStore {
            get throws { try QueueStore(path: directory(".diffd/queue.sqlite")) }
        }

        private func accept(_ name: String) throws {
            let bytes = Array(#"{"kind": "sample", "name": "\#(name)", "model": "shirts"}"#.utf8)
            let spec = try JobSpec.decode(bytes, fileName: name)
            let reservation = try store.reserve(drop: name)
            let directories = JobDirectories(
                layout, try PathPolicy(spool: layout.root, allowedPaths: [], in: files), in: files)
            let made = try directories.prepare(
                spec, request: bytes,
                acceptance: Acceptance(id: reservation.id, submittedAt: .now, owner: "ada", token: name))
            try store.publish(
                JobRecord(id: reservation.id, name: name, kind: .sample, directory: made, submittedAt: .now))
            try store.forget(drop: name)
        }

        func examine(minFreeDisk: Int = 0) -> Diagnosis {
            Examination.run(Examination(spool: directory.path, minFreeDisk: minFreeDisk))
        }

        /// The areas and messages of what was found; of the machine's own units nothing is told.
        func findings(minFreeDisk: Int = 0) -> [String] {
            examine(minFreeDisk: minFreeDisk).findings.filter { $0.area != .unit }.map {
                "\($0.area.rawValue): \($0.problem.message)"
            }
        }

        /// Everything in the spool, with its bytes.
        func snapshot() throws -> [String: Data] {
            let names = try FileManager.default.subpathsOfDirectory(atPath: directory.path)
            return names.reduce(into: [:]) { $0[$1] = FileManager.default.contents(atPath: directory($1)) ?? Data() }
        }
    }

    @Test func nothingIsWrongWithAGoodSpool() throws {
        let scene = try Scene()
        let before = try scene.snapshot()
        #expect(scene.findings() == [])
        #expect(scene.examine().jobs == 2)
        #expect(try scene.snapshot() == before, "looking has changed something")
    }

    @Test func lostDirectoriesAndUnknownOnesAreFound() throws {
        let scene = try Scene()
        try scene.files.rename(scene.layout.jobDirectory("000001-a"), to: scene.layout.jobDirectory("000009-a"))
        #expect(
            scene.findings() == [
                "jobs: job 9 has the directory 000009-a, and the store does not know it",
                "jobs: the directory of job 1 a is gone",
            ])
    }

    @Test func whatACrashLeftIsFound() throws {
        let scene = try Scene()
        _ = try scene.store.reserve(drop: "half")
        try scene.files.createDirectory(scene.layout.jobs + "/.000003-c.tmp-0123456789abcdef", mode: 0o700)
        let findings = scene.findings()
        #expect(findings.contains("store: the drop of job 3 was half accepted"))
        #expect(findings.contains { $0.hasPrefix("directories: ") && $0.contains("holds 1 things") })
    }

    @Test func aDamagedStoreAndAMissingOneAreFound() throws {
        let scene = try Scene()
        let path = scene.directory(".diffd/queue.sqlite")
        try scene.files.removeFile(path)
        #expect(scene.findings() == ["store: there is no store, but there are 2 job directories"])
        try Data("not a store at all, but long enough to be looked at as one".utf8).write(to: URL(filePath: path))
        let finding = try #require(scene.examine().findings.first { $0.area == .store })
        #expect(finding.problem.code == .corrupt && finding.problem.file == path && finding.weight == .error)
        #expect(finding.problem.remedy?.contains("--rebuild") == true)
    }

    @Test func damagedJobFilesAndStatesAreFound() throws {
        let scene = try Scene()
        try scene.files.writeAtomically(Array("{".utf8), to: scene.layout.jobDirectory("000001-a") + "/job.json")
        let checkpoints = scene.layout.jobDirectory("000002-b") + "/checkpoints"
        try scene.files.createDirectory(checkpoints, mode: 0o700)
        let numbers: [Float] = [1, 2, 3]
        for (name, damaged) in [("step-1", false), ("step-2", true)] {
            let sum = try TensorChecksums.describe(shape: [3], (damaged ? [9, 9, 9] : numbers).span.bytes)
            var writer = try SafetensorsWriter(
                "\(checkpoints)/\(name).safetensors", [.init("w", [3])],
                metadata: TensorChecksums.seal([TensorChecksums.key("w"): sum]), in: scene.files)
            try writer.write("w", numbers.span)
            try writer.commit()
        }
        #expect(
            scene.findings() == [
                "jobs: job.json of job 1 a cannot be used", "jobs: a saved state is damaged: the checksum of w differs",
            ])
        #expect(scene.examine().statesRead == 2)
    }

    @Test func aFullDiskAndModelsThatLeadNowhereAreFound() throws {
        let scene = try Scene()
        try scene.files.createSymbolicLink(scene.layout.models + "/shirts", to: "../jobs/000007-shirts/model")
        let findings = scene.findings(minFreeDisk: .max)
        #expect(findings.count == 2 && findings[0].hasPrefix("disk: ") && findings[1].contains("shirts leads nowhere"))
    }

    @Test func aLivingDaemonsStoreIsReadInItsPlace() throws {
        let scene = try Scene()
        let lock = try #require(try FileLock.acquire(scene.directory(".diffd.lock"), identity: []))
        let store = try scene.store
        _ = try store.reserve(drop: "coming in at this moment")
        #expect(scene.findings() == [])
        withExtendedLifetime((lock, store)) {}
    }
}
