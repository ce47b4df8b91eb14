import ControlAPI
import DurableFiles
import Foundation
import GRDB
import JobSpec
import Logging
import Problems
import Scheduler
import Spool
import TestSupport
import Testing

/// The daemon dies at every call by which it touches the spool while a job comes in or changes, and another one starts on what is
/// left. What was acknowledged holds, and nothing is lost or there twice.
@Suite struct CrashTests {
    enum Operation: String, CaseIterable, Sendable {
        case acceptFile, acceptDirectory, reject, submit, hold, release, priority, cancel, requeue

        /// What is done before, by a daemon that does not die.
        var preparation: [JobChange]? {
            switch self {
            case .acceptFile, .acceptDirectory, .reject, .submit: nil
            case .hold, .priority, .cancel: []
            case .release: [.hold]
            case .requeue: [.cancel]
            }
        }

        var change: JobChange? {
            switch self {
            case .acceptFile, .acceptDirectory, .reject, .submit: nil
            case .hold: .hold
            case .release: .release
            case .priority: .priority(7)
            case .cancel: .cancel
            case .requeue: .requeue
            }
        }
    }

    private static let outcomes: [CrashingFileSystem.Outcome] = [
        .programDied, .allLost, .someLost(seed: 1), .someLost(seed: 2),
    ]
    private static let job = Array(#"{"kind": "sample", "name": "a", "model": "shirts"}"#.utf8)
    private static let user = Caller(uid: 1000, gid: 1000, pid: 1, user: "eve", groups: [])

    /// A spool, and beside it the store: what SQLite has committed is durable, so the store is as it was at the crash.
    private struct Place {
        let directory: TemporaryDirectory
        /// Of the drop, if there is one.
        private(set) var token = ""
        var spool: String { directory("spool") }

        init() throws {
            directory = try TemporaryDirectory()
            for name in ["spool", "store"] { try PosixFileSystem().createDirectory(directory(name), mode: 0o700) }
        }

        init(copyOf other: Place) throws {
            directory = try TemporaryDirectory()
            for name in ["spool", "store"] {
                try FileManager.default.copyItem(atPath: other.directory(name), toPath: directory(name))
            }
            token = try dropTokens().first ?? ""
        }

        func scheduler(store: String = "store", _ files: any FileSystem = PosixFileSystem()) throws -> Scheduler {
            let clock = TestClock()
            let machine = Machine(
                now: { clock.now }, uptime: { clock.uptime() }, sleep: { _ in }, freeSpace: { _ in 1 << 40 },
                bootID: { "boot" }, environment: [:])
            return try Scheduler(
                settings: SchedulerSettings(
                    spool: spool, stateDirectory: directory(store), worker: "/bin/false", intake: .atOnce),
                machine: machine, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, files: files)
        }

        /// Makes the spool what is found after the crash.
        ///
        /// - Returns: the token of the drop before and after: what survives is written anew, while on a disk it would be the same file.
        func settle(_ files: CrashingFileSystem, _ outcome: CrashingFileSystem.Outcome) throws -> (
            old: String, new: String
        )? {
            try files.settle(outcome)
            return try dropTokens().first.map { (token, $0) }
        }

        private func dropTokens() throws -> [String] {
            let files = PosixFileSystem()
            let incoming = SpoolLayout(root: spool).incoming
            return try files.list(incoming).entries.compactMap { try files.status("\(incoming)/\($0.name)")?.dropToken }
        }

        func rename(drop tokens: (old: String, new: String)?, inStore store: String) throws {
            guard let tokens else { return }
            let database = try DatabaseQueue(path: directory(store) + "/queue.sqlite")
            try database.write { db in
                try db.execute(
                    sql: "UPDATE jobs SET drop_token = ? WHERE drop_token = ?", arguments: [tokens.new, tokens.old])
            }
        }

        func drop(_ operation: Operation) throws {
            let incoming = SpoolLayout(root: spool).incoming
            let files = PosixFileSystem()
            switch operation {
            case .acceptFile: try files.writeAtomically(job, to: incoming + "/a.json")
            case .acceptDirectory:
                try files.createDirectory(incoming + "/a", mode: 0o700)
                try files.writeAtomically(job, to: incoming + "/a/job.json")
                try files.writeAtomically(Array("pixels".utf8), to: incoming + "/a/1.png")
            case .reject: try files.writeAtomically(Array(#"{"kind": "nothing"}"#.utf8), to: incoming + "/a.json")
            case .submit, .hold, .release, .priority, .cancel, .requeue: break
            }
        }
    }

    /// The spool before the operation, drained so that no worker is in the way.
    private func prepare(_ operation: Operation) async throws -> Place {
        let place = try Place()
        let scheduler = try place.scheduler()
        try await scheduler.recover()
        try await scheduler.control(.drain, by: Self.user)
        // The model that the jobs name.
        try PosixFileSystem().createDirectory(SpoolLayout(root: place.spool).models + "/shirts", mode: 0o755)
        if let changes = operation.preparation {
            _ = try await scheduler.submit(Submission(bytes: Self.job, suggestedName: "a"), by: Self.user)
            for change in changes { _ = try await scheduler.change(1, change, by: Self.user) }
        }
        try place.drop(operation)
        return place
    }

    /// - Returns: whether the daemon has said that it is done.
    private func carryOut(_ operation: Operation, on place: Place, _ files: CrashingFileSystem) async -> Bool {
        do {
            let scheduler = try place.scheduler(files)
            try await scheduler.recover()
            if operation == .submit {
                _ = try await scheduler.submit(Submission(bytes: Self.job, suggestedName: "a"), by: Self.user)
            } else if let change = operation.change {
                _ = try await scheduler.change(1, change, by: Self.user)
            } else {
                for _ in 0..<3 { try await scheduler.wholeTurn() }
            }
            return !files.isDead
        } catch {
            // Whatever a dead program ran into.
            return false
        }
    }

    @Test(arguments: Operation.allCases) func crashes(operation: Operation) async throws {
        let before = try await prepare(operation)
        var tried = 0
        var isComplete = false
        var call = 0
        while !isComplete {
            for outcome in Self.outcomes {
                let place = try Place(copyOf: before)
                let directory = place.directory
                let files = try CrashingFileSystem(place.spool, .crash(atCall: call)) {
                    // Thrown away below: without this copy, recovery does not find its store.
                    try? FileManager.default.copyItem(
                        atPath: directory("store"), toPath: directory("store at the crash"))
                }
                let isDone = await carryOut(operation, on: place, files)
                if !files.isDead {
                    isComplete = true
                    try FileManager.default.copyItem(
                        atPath: directory("store"), toPath: directory("store at the crash"))
                }
                let tokens = try place.settle(files, outcome)
                try place.rename(drop: tokens, inStore: "store at the crash")
                let point = Comment(
                    rawValue: "\(operation) crashed at call \(call), \(files.calls.last ?? "none"), \(outcome)")
                try await check(operation, place, isDone: isDone, point)
                tried += 1
            }
            call += 1
        }
        #expect(tried > 20)
        CrashTest.report(tried, "\(operation) by the daemon")
    }

    /// Starts a daemon on what is left and looks at what it makes of it.
    private func check(_ operation: Operation, _ place: Place, isDone: Bool, _ point: Comment) async throws {
        let scheduler = try place.scheduler(store: "store at the crash")
        try await scheduler.recover()
        for _ in 0..<4 { try await scheduler.wholeTurn() }
        let jobs = try await scheduler.list(JobFilter())
        let files = PosixFileSystem()
        let layout = SpoolLayout(root: place.spool)
        #expect(try files.list(layout.incoming).entries.isEmpty, point)
        #expect(try layout.jobDirectories(in: files).keys.sorted() == jobs.map(\.id), point)
        if operation == .reject {
            #expect(jobs.isEmpty, point)
            #expect(try files.list(layout.rejected).entries.map(\.name) == ["a.error.json", "a.json"], point)
            return
        }
        // A submission that nobody was told of may be there or not; a drop is there, once, and so is a job of before.
        guard !(operation == .submit && !isDone && jobs.isEmpty) else { return }
        #expect(jobs.count == 1 && jobs.first?.name == "a", point)
        guard let job = jobs.first else { return }
        let (old, new): (JobState, JobState) =
            switch operation {
            case .acceptFile, .acceptDirectory, .submit, .priority, .reject: (.queued, .queued)
            case .hold: (.queued, .held)
            case .release: (.held, .queued)
            case .cancel: (.queued, .cancelled)
            case .requeue: (.cancelled, .queued)
            }
        #expect(job.state == new || !isDone && job.state == old, point)
        if operation == .priority { #expect(job.priority == 7 || !isDone && job.priority == 0, point) }
        if operation == .acceptDirectory { #expect(try files.exists(job.directory + "/inputs/1.png"), point) }
        // Readers of the copy are told the truth.
        let text = String(decoding: try files.read(job.directory + "/status.json", limit: 1 << 20), as: UTF8.self)
        #expect(text.contains("\"state\" : \"\(job.state.rawValue)\""), point)
    }
}

extension Scheduler {
    /// A turn, and the look into `incoming/` that it has begun.
    fileprivate func wholeTurn() async throws {
        try turn()
        await intake?.value
    }
}
