import Foundation
import GRDB
import JobQueue
import JobSpec
import Problems
import Testing

@Suite struct QueueStoreTests {
    /// A store in a directory that goes away with it.
    final class Place {
        let directory: String
        var path: String { directory + "/queue.sqlite" }

        init() throws {
            directory = NSTemporaryDirectory() + "diffd-store-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }

        // A directory that stays in /tmp harms nobody.
        deinit { try? FileManager.default.removeItem(atPath: directory) }
    }

    static let date = Date(timeIntervalSince1970: 1_700_000_000.25)

    static func record(_ id: Int, _ phase: Phase = .queued(after: nil)) -> JobRecord {
        var job = JobRecord(
            id: id, name: "shirts", kind: .sample, owner: "eve", directory: "000001-shirts", priority: -3,
            waitsFor: [7, 9],
            notBefore: date, timeLimit: 60.5, retries: 4, threads: 2, memory: 1 << 33, submittedAt: date, phase: phase)
        (job.attempt, job.crashes, job.failures, job.ranFor, job.startedAt) = (3, 2, 1, 12.5, date)
        job.error = Problem(.crashed, "died", remedy: "look", path: "$.seed", line: 3, column: 4)
        job.progress = JobProgress(step: 3, totalSteps: 8, stepsPerSecond: 0.5, loss: 0.25)
        job.workload = Workload(key: "unet", steps: 8)
        return job
    }

    static let phases: [Phase] =
        [
            .queued(after: nil), .queued(after: date), .running(Run(since: date, threads: 2, memory: 5)),
            .ended(.succeeded, at: date), .ended(.failed, at: date), .ended(.cancelled, at: date),
        ] + Hold.Cause.allCases.map { .held(Hold($0, "because")) }
        + Stop.Cause.allCases.map {
            .running(Run(since: date, threads: 1, memory: 0, stop: Stop($0, since: date, killed: $0 == .cancel)))
        }

    @Test(arguments: phases) func aRowKeepsEverything(_ phase: Phase) throws {
        let place = try Place()
        let id = try QueueStore(path: place.path).reserve(drop: "a").id
        try QueueStore(path: place.path).publish(Self.record(id, phase))
        let store = try QueueStore(path: place.path)
        #expect(try store.job(id) == Self.record(id, phase))
        #expect(try store.job(named: "shirts")?.id == id)
        let isActive = !Self.record(id, phase).state.isFinal
        #expect(try store.activeJobs().map(\.id) == (isActive ? [id] : []))
        #expect(try store.jobs(in: [Self.record(id, phase).state]).map(\.id) == [id])
    }

    /// Damage that SQLite's own check passes: types and numbers that no column should have.
    @Test(arguments: [
        "UPDATE rates SET seconds_per_step = x'00'", "UPDATE rates SET workload = x'ff'",
        "UPDATE rates SET seconds_per_step = 'fast'", "UPDATE jobs SET drop_token = x'ff'",
        "UPDATE settings SET value = x'00'",
    ]) func aWrongValueIsPassedOver(change: String) throws {
        let place = try Place()
        do {
            let store = try QueueStore(path: place.path)
            let id = try store.reserve(drop: "a").id
            try store.publish(Self.record(id))
            try store.setRate(of: "unet", to: 0.5)
            try store.set(.bootID, to: "boot")
        }
        try DatabaseQueue(path: place.path).write { try $0.execute(sql: change) }
        let store = try QueueStore(path: place.path)
        _ = try store.rates()
        _ = try store.value(of: .bootID)
        #expect(try store.activeJobs() == [Self.record(1)])
        #expect(try store.halfAccepted().map(\.id) == [1])
    }

    @Test(arguments: [
        "attempt = 9223372036854775807", "attempt = -1", "attempt = 1.5e300", "crashes = 'x'", "failures = NULL",
        "priority = 9223372036854775807", "retries = -9223372036854775808", "threads = 9223372036854775807",
        "memory = -1", "submitted_at = 9e999", "submitted_at = 1e300", "not_before = x'00'", "not_before = -1e300",
        "time_limit = 'x'", "steps = 9223372036854775807", "state = 'dreaming'", "name = x'ff'", "inputs = '{'",
        "waits_for = 7",
    ]) func aRowOfWrongNumbersIsHeld(change: String) throws {
        let place = try Place()
        do {
            let store = try QueueStore(path: place.path)
            let id = try store.reserve(drop: "a").id
            try store.publish(Self.record(id))
        }
        // Columns that must not be NULL take any other value.
        try? DatabaseQueue(path: place.path).write { try $0.execute(sql: "UPDATE jobs SET \(change)") }
        var state = QueueState(try QueueStore(path: place.path).activeJobs(), policy: QueuePolicy())
        let transition = try state.apply(.tick, at: Self.date)
        #expect(state.jobs[1] != nil)
        for job in state.jobs.values {
            _ = job.status(wait: state.wait(for: 1, at: Self.date), progress: nil, directory: "")
        }
        _ = (transition, state.used, state.nextDeadline(after: Self.date))
    }

    @Test(arguments: [
        "ALTER TABLE rates RENAME COLUMN seconds_per_step TO seconds",
        "ALTER TABLE jobs RENAME COLUMN attempt TO attempts",
        "DROP TABLE settings",
    ]) func aWrongSchemaIsDamage(change: String) throws {
        let place = try Place()
        _ = try QueueStore(path: place.path)
        try DatabaseQueue(path: place.path).write { try $0.execute(sql: change) }
        let problem = try #require(throws: Problem.self) { try QueueStore(path: place.path) }
        #expect(problem.code == .corrupt && problem.remedy?.contains("--rebuild") == true)
    }

    @Test func ratesAreKept() throws {
        let place = try Place()
        try QueueStore(path: place.path).setRate(of: "unet", to: 0.5)
        let store = try QueueStore(path: place.path)
        try store.setRate(of: "unet", to: 0.75)
        try store.setRate(of: "mlp", to: 1e-3)
        #expect(try store.rates() == ["unet": 0.75, "mlp": 1e-3])
    }

    @Test func aDropIsAcceptedOnceWhateverStepACrashFollows() throws {
        // The steps of an accept; the daemon dies after each of them and starts again from the first.
        for survived in 0...3 {
            let place = try Place()
            func accept(steps: Int) throws -> Int {
                let store = try QueueStore(path: place.path)
                guard steps > 0 else { return 0 }
                let reservation = try store.reserve(drop: "inode 5")
                if steps > 1, !reservation.isPublished { try store.publish(Self.record(reservation.id)) }
                if steps > 2 { try store.forget(drop: "inode 5") }
                return reservation.id
            }
            let first = try accept(steps: survived)
            let store = try QueueStore(path: place.path)
            #expect(try store.halfAccepted().map(\.isPublished) == [[], [false], [true], []][survived])
            if survived < 3 {
                let second = try accept(steps: 3)
                #expect(first == 0 || first == second)
                #expect(try store.jobs(in: Set(JobState.allCases)).map(\.id) == [second])
            }
            // The next drop that looks the same is another job.
            let next = try store.reserve(drop: "inode 5")
            #expect(next.id == 2)
            #expect(!next.isPublished)
        }
    }

    @Test func idsAreNeverReused() throws {
        let place = try Place()
        let store = try QueueStore(path: place.path)
        let first = try store.reserve(drop: "a").id
        try store.abandon(first)
        #expect(try store.reserve(drop: "a").id == first + 1)
        // A job that was found by its directory takes its id with it.
        try store.adopt(Self.record(41))
        #expect(try store.reserve(drop: "b").id == 42)
        #expect(try store.job(41) == Self.record(41))
        // What the store knows already is not taken over.
        var other = Self.record(41)
        other.name = "other"
        try store.adopt(other)
        #expect(try store.job(41)?.name == "shirts")
    }

    @Test func invisibleJobsAreNotInTheQueue() throws {
        let place = try Place()
        let store = try QueueStore(path: place.path)
        let id = try store.reserve(drop: "a").id
        #expect(try store.activeJobs().isEmpty)
        #expect(try store.job(id) == nil)
        #expect(try store.counts().isEmpty)
        #expect(try store.directories().keys.sorted() == [id])
        try store.publish(Self.record(id))
        #expect(try store.counts() == [.queued: 1])
        // Published, it cannot be given up.
        try store.abandon(id)
        #expect(try store.job(id) != nil)
    }

    @Test func listsTheNewest() throws {
        let place = try Place()
        let store = try QueueStore(path: place.path)
        for id in 1...5 {
            var job = Self.record(id)
            job.name = id.isMultiple(of: 2) ? "even" : "odd"
            if id == 4 {
                job.phase = .running(
                    Run(since: Self.date, threads: 1, memory: 0, stop: Stop(.cancel, since: Self.date)))
            }
            try store.adopt(job)
        }
        let all = Set(JobState.allCases)
        #expect(try store.jobs(in: all, limit: 2).map(\.id) == [4, 5])
        #expect(try store.jobs(in: all, named: "odd").map(\.id) == [1, 3, 5])
        #expect(try store.jobs(in: all, limit: 2, after: 1).map(\.id) == [2, 3])
        #expect(try store.jobs(in: all, named: "odd", limit: 2, after: 1).map(\.id) == [3, 5])
        #expect(try store.jobs(in: all, after: 5).isEmpty)
        #expect(try store.jobs(in: [.cancelling]).map(\.id) == [4])
        #expect(try store.jobs(in: [.running]).isEmpty)
    }

    @Test func aBadRowIsHeldAndBlocksNothing() throws {
        let place = try Place()
        let store = try QueueStore(path: place.path)
        for id in 1...2 { try store.adopt(Self.record(id)) }
        try Self.sqlite(place.path, "UPDATE jobs SET retries = 'many', state = 'queued' WHERE id = 1")
        let jobs = try store.activeJobs()
        #expect(jobs.map(\.id) == [1, 2])
        #expect(jobs[0].state == .held)
        #expect(jobs[0].error?.code == .corrupt)
        #expect(jobs[0].error?.message.contains("retries") == true)
        #expect(jobs[1] == Self.record(2))
    }

    @Test(arguments: ["not a database at all, and long enough to be looked at", "SQLite format 3\0 but then nonsense"])
    func refusesWhatIsNotAStore(content: String) throws {
        let place = try Place()
        let bytes = Data((content + String(repeating: "x", count: 5_000)).utf8)
        try bytes.write(to: URL(fileURLWithPath: place.path))
        let problem = #expect(throws: Problem.self) { try QueueStore(path: place.path) }
        #expect(problem?.code == .corrupt)
        #expect(problem?.remedy?.contains("--rebuild") == true)
        #expect(try Data(contentsOf: URL(fileURLWithPath: place.path)) == bytes)
    }

    @Test func refusesADamagedStore() throws {
        let place = try Place()
        do {
            let store = try QueueStore(path: place.path)
            for id in 1...300 { try store.adopt(Self.record(id)) }
        }
        try Self.sqlite(place.path, "PRAGMA journal_mode = DELETE")
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: place.path))
        let size = try file.seekToEnd()
        for offset in stride(from: UInt64(8_192), to: size, by: 4_096) {
            try file.seek(toOffset: offset)
            try file.write(contentsOf: Data(repeating: 0xFF, count: 512))
        }
        try file.close()
        let problem = #expect(throws: Problem.self) { try QueueStore(path: place.path) }
        #expect(problem?.code == .corrupt)
    }

    @Test func refusesAStoreOfANewerVersion() throws {
        let place = try Place()
        _ = try QueueStore(path: place.path)
        try Self.sqlite(place.path, "INSERT INTO grdb_migrations VALUES ('of the future')")
        let problem = #expect(throws: Problem.self) { try QueueStore(path: place.path) }
        #expect(problem?.code == .unsupported)
    }

    @Test func settingsAreKept() throws {
        let place = try Place()
        #expect(try QueueStore(path: place.path).value(of: .bootID) == nil)
        try QueueStore(path: place.path).set(.bootID, to: "a")
        try QueueStore(path: place.path).set(.bootID, to: "b")
        #expect(try QueueStore(path: place.path).value(of: .bootID) == "b")
    }

    /// Changes a store as another program would.
    static func sqlite(_ path: String, _ sql: String) throws {
        try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: sql) }
    }
}
