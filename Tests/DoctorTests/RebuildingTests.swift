import Doctor
import DurableFiles
import Foundation
import JobQueue
import JobSpec
import Problems
import Spool
import StrictJSON
import TestSupport
import Testing

@Suite struct RebuildingTests {
    @Test func aStoreIsMadeFromTheDirectories() throws {
        let directory = try TemporaryDirectory()
        let files = PosixFileSystem()
        let layout = SpoolLayout(root: directory.path)
        try layout.prepare(in: files)
        try files.createDirectory(layout.state, mode: 0o700)
        let path = Path.join(layout.state, "queue.sqlite")
        try files.writeAtomically(Array("damaged".utf8), to: path)
        let directories = JobDirectories(
            layout, try PathPolicy(spool: layout.root, allowedPaths: [], in: files), in: files)
        for (id, name) in [(3, "done"), (7, "waiting"), (9, "unreadable")] {
            let bytes = Array(#"{"kind": "sample", "name": "\#(name)", "model": "shirts", "priority": 4}"#.utf8)
            let made = try directories.prepare(
                try JobSpec.decode(bytes, fileName: name), request: bytes,
                acceptance: Acceptance(id: id, submittedAt: .now, owner: "ada", token: name))
            guard id == 3 else { continue }
            let status = JobStatus(
                id: 3, name: name, kind: .sample, state: .succeeded, attempt: 2, submittedAt: .now, finishedAt: .now,
                directory: "")
            try files.writeAtomically(
                try JSONText.encode(status), to: Path.join(layout.jobDirectory(made), "status.json"))
        }
        try files.writeAtomically(Array("{".utf8), to: layout.jobDirectory("000009-unreadable") + "/job.json")

        let rebuilding = Rebuilding(spool: layout.root)
        do {
            let lock = try FileLock.acquire(directory(".diffd.lock"))
            let problem = try #require(throws: Problem.self) { try rebuilding.run() }
            #expect(problem.code == .unavailable)
            withExtendedLifetime(lock) {}
        }
        let outcome = try rebuilding.run()
        #expect(outcome.jobs == 3 && outcome.held == 2 && outcome.kept == path + ".old-1")
        #expect(try files.read(path + ".old-1", limit: 100) == Array("damaged".utf8))
        let store = try QueueStore(path: path)
        #expect(try store.job(3)?.state == .succeeded && store.job(3)?.attempt == 2)
        #expect(try store.activeJobs().map(\.id) == [7, 9])
        #expect(try store.job(7)?.priority == 4 && store.job(7)?.state == .held && store.job(7)?.owner == "ada")
        #expect(try store.reserve(drop: "next").id == 10)
        // Of what it has made it can be made again.
        #expect(try rebuilding.run().kept == path + ".old-2")
    }
}
