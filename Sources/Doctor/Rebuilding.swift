import DurableFiles
public import Foundation
import JobQueue
import JobSpec
import Problems
import Spool
import StrictJSON

/// Makes a store from the job directories, in the place of one that is damaged or lost.
public struct Rebuilding: Sendable {
    /// What it has made.
    public struct Outcome: Sendable, Codable, Hashable {
        /// Jobs that are in the new store, and how many of them are held because they had not ended.
        public var jobs = 0
        public var held = 0
        /// Where the old store lies now; nil where there was none.
        public var kept: String?
    }

    private let layout: SpoolLayout
    private let stateDirectory: String
    private let files = PosixFileSystem()

    public init(spool: String, stateDirectory: String? = nil) {
        layout = SpoolLayout(root: spool)
        self.stateDirectory = stateDirectory ?? layout.state
    }

    /// Puts the old store aside and fills a new one.
    ///
    /// - Throws: code `unavailable` while a daemon works on the spool.
    public func run(at now: Date = .now) throws -> Outcome {
        try files.createDirectoriesDurably(stateDirectory, mode: 0o700)
        let locks = try [Path.join(layout.root, ".diffd.lock"), Path.join(stateDirectory, "store.lock")].map { path in
            guard let lock = try FileLock.acquire(path) else {
                throw Problem(
                    .unavailable, "a diffd works on \(layout.root)", remedy: "Stop it first: systemctl stop diffd.")
            }
            return lock
        }
        defer { withExtendedLifetime(locks) {} }
        var outcome = Outcome()
        outcome.kept = try putAside()
        let store = try QueueStore(path: Path.join(stateDirectory, "queue.sqlite"))
        let directories = JobDirectories(
            layout, try PathPolicy(spool: layout.root, allowedPaths: [], in: files), in: files)
        for (id, name) in try layout.jobDirectories(in: files).sorted(by: { $0.key < $1.key }) {
            let job = record(id, name, directories, now)
            try store.adopt(job)
            outcome.jobs += 1
            if !job.state.isFinal { outcome.held += 1 }
        }
        return outcome
    }

    private func record(_ id: Int, _ name: String, _ directories: JobDirectories, _ now: Date) -> JobRecord {
        var job: JobRecord
        do {
            let (spec, acceptance) = try directories.read(name)
            job = try JobRecord(
                spec, id: id, owner: acceptance.owner, directory: name, submittedAt: acceptance.submittedAt,
                inputs: acceptance.inputs)
        } catch {
            let problem =
                error as? Problem ?? Problem(.corrupt, "the job's directory does not tell it", cause: "\(error)")
            let called = SpoolLayout.job(fromDirectoryName: name)?.name ?? name
            job = JobRecord(unreadable: problem, id: id, name: called, directory: name, at: now)
        }
        return job.found(directories.status(name), at: now)
    }

    private func putAside() throws -> String? {
        let path = Path.join(stateDirectory, "queue.sqlite")
        guard try files.exists(path) else { return nil }
        var number = 1
        while try files.exists("\(path).old-\(number)") { number += 1 }
        // The log goes with its store.
        for suffix in ["-wal", "-shm", ""] where try files.exists(path + suffix) {
            try files.moveDurably(path + suffix, to: "\(path).old-\(number)\(suffix)")
        }
        return "\(path).old-\(number)"
    }
}
