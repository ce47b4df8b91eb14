import Foundation
import GRDB
public import JobSpec
public import Problems

/// The truth about jobs, in an SQLite file: WAL and `synchronous=FULL`, so that what a call has written survives a crash of
/// the machine.
///
/// A job that is being accepted has a row that is not visible yet: `reserve` gives it an id, `publish` puts it into the
/// queue. What a crash leaves in between is found by `halfAccepted`.
public final class QueueStore: Sendable {
    public let path: String
    private let database: DatabaseQueue

    /// Opens the store, or makes a new one where there is none.
    ///
    /// - Parameter isReadOnly: to look only; the store must be there and of this version.
    /// - Throws: code `corrupt` for a file that is damaged or not a store, and `unsupported` for one of another diffd. Neither is touched: the
    ///   remedy says how to go on.
    public init(path: String, isReadOnly: Bool = false) throws(Problem) {
        self.path = path
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        configuration.label = "queue"
        // Another program, such as a backup, may look at the file.
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            // What is asked for often is in memory already, as jobs.
            try db.execute(sql: "PRAGMA cache_size = -512")
            if isReadOnly { return }
            try db.execute(sql: "PRAGMA journal_mode = WAL")
            try db.execute(sql: "PRAGMA synchronous = FULL")
        }
        let schema = QueueSchema.migrator
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            let isNewer = try database.read { db in
                try QueueSchema.prove(db)
                let check = try String.fetchAll(db, sql: "PRAGMA quick_check(1)")
                guard check == ["ok"] else {
                    throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: check.joined(separator: "; "))
                }
                return try schema.hasBeenSuperseded(db)
            }
            guard !isNewer else {
                throw Problem(
                    .unsupported, "the queue was written by a newer diffd",
                    remedy: "Install that version again, or give another state_directory.", file: path)
            }
            if !isReadOnly {
                try schema.migrate(database)
                try database.read(QueueSchema.prove)
            } else if try !database.read(schema.hasCompletedMigrations) {
                throw Problem(
                    .unsupported, "the queue was written by an older diffd",
                    remedy: "Restart diffd: it brings the store up to date.",
                    file: path)
            }
            self.database = database
        } catch {
            throw Self.problem(error, path)
        }
    }

    // MARK: - Reading

    /// The visible jobs that have not ended, by id. A row that cannot be read comes back held, with the reason.
    public func activeJobs() throws(Problem) -> [JobRecord] {
        try jobs(where: "visible AND state NOT IN ('succeeded', 'failed', 'cancelled')")
    }

    /// The jobs that the condition picks, by id.
    private func jobs(where condition: String) throws(Problem) -> [JobRecord] {
        try read { db in
            // Row by row: all rows at once would take ten times the memory of the jobs, and what is kept of them would lie scattered in it.
            let rows = try Row.fetchCursor(db, sql: "SELECT * FROM jobs WHERE \(condition) ORDER BY id")
            var jobs: [JobRecord] = []
            while let row = try rows.next() { jobs.append(JobRecord(row: row)) }
            return jobs
        }
    }

    public func job(_ id: Int) throws(Problem) -> JobRecord? {
        try read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM jobs WHERE visible AND id = ?", arguments: [id])
                .map(JobRecord.init(row:))
        }
    }

    /// The newest job of that name.
    public func job(named name: String) throws(Problem) -> JobRecord? {
        try read { db in
            try Row.fetchOne(
                db, sql: "SELECT * FROM jobs WHERE visible AND name = ? ORDER BY id DESC LIMIT 1", arguments: [name]
            ).map(JobRecord.init(row:))
        }
    }

    /// The job that a user names.
    public func job(_ reference: JobReference) throws(Problem) -> JobRecord? {
        switch reference {
        case .id(let id): try job(id)
        case .name(let name): try job(named: name)
        }
    }

    /// The jobs in `states` and of that name if one is given, by rising id; with a `limit` the newest of them.
    ///
    /// - Parameter after: only those with higher ids, and with a `limit` the oldest of them: the next page.
    public func jobs(
        in states: Set<JobState>, named name: String? = nil, limit: Int? = nil, after: Int? = nil
    ) throws(Problem) -> [JobRecord] {
        // The state of a job that is being cancelled is a matter of its stop request, and running in the store.
        let stored = Set(states.map { $0 == .cancelling ? JobState.running : $0 })
        return try read { db in
            // State by state, each by its index: all together would be sorted first, however few are asked for.
            let order = "ORDER BY id \(after == nil ? "DESC" : "ASC")"
            var arguments = StatementArguments()
            let parts = stored.map { state in
                arguments += [state.rawValue]
                var part = "SELECT * FROM jobs WHERE visible AND state = ?"
                if let name {
                    part += " AND name = ?"
                    arguments += [name]
                }
                if let after {
                    part += " AND id > ?"
                    arguments += [after]
                }
                // Some of those that run may be left out below.
                let count = state == .running ? -1 : limit ?? -1
                return "SELECT * FROM (\(part) \(order) LIMIT \(count))"
            }
            guard !parts.isEmpty else { return [] }
            let sql = parts.joined(separator: " UNION ALL ") + " " + order
            let rows = try Row.fetchCursor(db, sql: sql, arguments: arguments)
            var jobs: [JobRecord] = []
            while jobs.count < limit ?? .max, let row = try rows.next() {
                let job = JobRecord(row: row)
                if states.contains(job.state) { jobs.append(job) }
            }
            return after == nil ? jobs.reversed() : jobs
        }
    }

    /// How many visible jobs are in each state; `cancelling` counts as running.
    public func counts() throws(Problem) -> [JobState: Int] {
        try read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT state, count(*) AS n FROM jobs WHERE visible GROUP BY state")
            return rows.reduce(into: [:]) { counts, row in
                let reader = RowReader(row)
                if let state = JobState(rawValue: reader.text("state") ?? "") { counts[state] = reader.integer("n") }
            }
        }
    }

    /// Every id that is taken, visible or not, with the name of its directory.
    public func directories() throws(Problem) -> [Int: String] {
        try read { db in
            let rows = try Row.fetchCursor(db, sql: "SELECT id, directory FROM jobs")
            var directories: [Int: String] = [:]
            while let row = try rows.next() {
                let reader = RowReader(row)
                directories[reader.id] = reader.text("directory") ?? ""
            }
            return directories
        }
    }

    // MARK: - Writing

    /// Replaces the rows of `jobs` in one transaction.
    public func save(_ jobs: [JobRecord]) throws(Problem) {
        guard !jobs.isEmpty else { return }
        try write { db in
            for job in jobs { try job.update(db) }
        }
    }

    // MARK: - Telling readers

    /// The jobs that have ended since readers of `status.json` were told about them.
    public func unannouncedEndings() throws(Problem) -> [JobRecord] {
        try jobs(where: "NOT announced AND state IN ('succeeded', 'failed', 'cancelled')")
    }

    /// Readers know how job `id` ended.
    public func setAnnounced(_ id: Int) throws(Problem) {
        try write { db in try db.execute(sql: "UPDATE jobs SET announced = 1 WHERE id = ?", arguments: [id]) }
    }

    // MARK: - Accepting

    /// A row that `publish` has not made visible yet.
    public struct Reservation: Sendable, Hashable {
        public var id: Int
        /// What it was made for.
        public var drop: String
        /// The job is in the queue already: only the drop is left to be removed.
        public var isPublished: Bool
    }

    /// The id for the drop that `drop` identifies: a new one, or the one that it was given before.
    ///
    /// - Parameter isDurable: whether it survives a crash of the machine before anything else is written. It must where a drop would still
    ///   be there then; without, a directory that was made by then is found as one of an unknown job.
    public func reserve(drop: String, isDurable: Bool = true) throws(Problem) -> Reservation {
        try write(isDurable: isDurable) { db in
            if let row = try Row.fetchOne(
                db, sql: "SELECT id, visible FROM jobs WHERE drop_token = ?", arguments: [drop])
            {
                let reader = RowReader(row)
                return Reservation(id: reader.id, drop: drop, isPublished: reader.integer("visible") == 1)
            }
            try db.execute(sql: "INSERT INTO jobs (drop_token, visible) VALUES (?, 0)", arguments: [drop])
            return Reservation(id: Int(clamping: db.lastInsertedRowID), drop: drop, isPublished: false)
        }
    }

    /// The row that was reserved for a drop before, if there is one.
    public func reservation(drop: String) throws(Problem) -> Reservation? {
        try read { db in
            try Row.fetchOne(db, sql: "SELECT id, visible FROM jobs WHERE drop_token = ?", arguments: [drop])
                .map(RowReader.init).map { Reservation(id: $0.id, drop: drop, isPublished: $0.integer("visible") == 1) }
        }
    }

    /// Puts a reserved job into the queue, together with others that change by it.
    ///
    /// - Parameter forgetsDrop: whether there is no drop that has yet to be removed.
    public func publish(
        _ job: JobRecord, with others: [JobRecord] = [], forgetsDrop: Bool = false
    ) throws(Problem) {
        try write { db in
            try job.update(db)
            for other in others where other.id != job.id { try other.update(db) }
            try db.execute(sql: "UPDATE jobs SET visible = 1 WHERE id = ?", arguments: [job.id])
            guard forgetsDrop else { return }
            try db.execute(sql: "UPDATE jobs SET drop_token = NULL WHERE id = ?", arguments: [job.id])
        }
    }

    /// The drop is gone from `incoming/`: another that looks the same is another.
    public func forget(drop: String) throws(Problem) {
        try write { db in
            try db.execute(sql: "UPDATE jobs SET drop_token = NULL WHERE drop_token = ? AND visible", arguments: [drop])
        }
    }

    /// Nothing is left to be done for the drop of job `id`.
    public func forgetDrop(of id: Int) throws(Problem) {
        try write { db in
            try db.execute(sql: "UPDATE jobs SET drop_token = NULL WHERE id = ? AND visible", arguments: [id])
        }
    }

    /// Gives up a reservation. Its id is not used again.
    public func abandon(_ id: Int) throws(Problem) {
        try write { db in try db.execute(sql: "DELETE FROM jobs WHERE id = ? AND NOT visible", arguments: [id]) }
    }

    /// Drops whose acceptance has begun, by id: published ones of which the drop may still be there, and those that are not.
    public func halfAccepted() throws(Problem) -> [Reservation] {
        try read { db in
            // A token that is no text belongs to no drop: such a reservation is finished or undone as one whose drop
            // has gone.
            try Row.fetchAll(
                db, sql: "SELECT id, drop_token, visible FROM jobs WHERE drop_token IS NOT NULL ORDER BY id"
            ).map(RowReader.init).map {
                Reservation(id: $0.id, drop: $0.text("drop_token") ?? "", isPublished: $0.integer("visible") == 1)
            }
        }
    }

    /// Takes in a job whose directory is there but whose row is not, under the id that the directory names. Nothing happens
    /// when the id has a row.
    public func adopt(_ job: JobRecord) throws(Problem) {
        try write { db in
            try db.execute(sql: "INSERT OR IGNORE INTO jobs (id, visible) VALUES (?, 0)", arguments: [job.id])
            guard db.changesCount == 1 else { return }
            try job.update(db)
            try db.execute(sql: "UPDATE jobs SET visible = 1 WHERE id = ?", arguments: [job.id])
        }
    }

    // MARK: - The daemon's own memory

    /// Seconds that a step of each workload took when it was last measured.
    public func rates() throws(Problem) -> [String: Double] {
        try read { db in
            // A rate that is none is measured again.
            try Row.fetchAll(db, sql: "SELECT workload, seconds_per_step FROM rates").map(RowReader.init)
                .reduce(into: [:]) { rates, row in
                    guard let key = row.text("workload"), let rate = row.number("seconds_per_step"), rate > 0 else {
                        return
                    }
                    rates[key] = rate
                }
        }
    }

    public func setRate(of workload: String, to secondsPerStep: Double) throws(Problem) {
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO rates (workload, seconds_per_step) VALUES (?, ?)
                    ON CONFLICT (workload) DO UPDATE SET seconds_per_step = excluded.seconds_per_step
                    """, arguments: [workload, secondsPerStep])
        }
    }

    public enum Setting: String, Sendable {
        /// Of the machine's boot in which the store was last used.
        case bootID = "boot_id"
        /// Seconds by which the system's clock was ahead of the time since that boot.
        case clockOffset = "clock_offset"
        case draining
    }

    public func value(of setting: Setting) throws(Problem) -> String? {
        try read { db in
            try Row.fetchOne(db, sql: "SELECT value FROM settings WHERE key = ?", arguments: [setting.rawValue])
                .flatMap { RowReader($0).text("value") }
        }
    }

    public func set(_ setting: Setting, to value: String) throws(Problem) {
        try write { db in try Self.set(setting, to: value, db) }
    }

    /// Notes by how much the clocks differ, together with the jobs whose dates were moved for it.
    public func setClockOffset(_ seconds: Double, moving jobs: [JobRecord]) throws(Problem) {
        try write { db in
            for job in jobs { try job.update(db) }
            try Self.set(.clockOffset, to: "\(seconds)", db)
        }
    }

    private static func set(_ setting: Setting, to value: String, _ db: Database) throws {
        try db.execute(
            sql:
                "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            arguments: [setting.rawValue, value])
    }

    // MARK: - Errors

    private func read<Value>(_ body: (Database) throws -> Value) throws(Problem) -> Value {
        do { return try database.read(body) } catch { throw Self.problem(error, path) }
    }

    /// - Parameter isDurable: whether to wait for the disk; otherwise the next write that does so carries this one along.
    private func write<Value>(isDurable: Bool = true, _ body: (Database) throws -> Value) throws(Problem) -> Value {
        do {
            if isDurable { return try database.write(body) }
            return try database.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = NORMAL")
                let result = Result { try Self.transaction(db, body) }
                try db.execute(sql: "PRAGMA synchronous = FULL")
                return try result.get()
            }
        } catch {
            throw Self.problem(error, path)
        }
    }

    private static func transaction<Value>(_ db: Database, _ body: (Database) throws -> Value) throws -> Value {
        var value: Value?
        try db.inTransaction {
            value = try body(db)
            return .commit
        }
        guard let value else { throw Problem(.internal, "a transaction of the store did not run") }
        return value
    }
}
