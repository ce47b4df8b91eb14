import Foundation
import GRDB
import JobSpec
import Problems

/// A job as a row of the table `jobs`.
extension JobRecord {
    /// Writes every column of the job's row, which exists, and notes that readers have yet to be told.
    func update(_ db: Database) throws {
        let columns = try self.columns()
        let names = columns.keys.sorted()
        try db.execute(
            sql: "UPDATE jobs SET announced = 0, \(names.map { "\($0) = ?" }.joined(separator: ", ")) WHERE id = ?",
            arguments: StatementArguments(names.map { columns[$0] ?? nil }) + [id])
    }

    private func columns() throws -> [String: (any DatabaseValueConvertible)?] {
        let run = self.run
        let hold: Hold? = if case .held(let hold) = phase { hold } else { nil }
        let retryAfter: Date? = if case .queued(let after) = phase { after } else { nil }
        return [
            "name": name, "kind": kind.rawValue, "owner": owner, "directory": directory, "priority": priority,
            "waits_for": try Self.json(waitsFor.sorted()), "not_before": Self.seconds(notBefore),
            "time_limit": timeLimit,
            "retries": retries, "threads": threads, "memory": memory, "submitted_at": Self.seconds(submittedAt),
            "started_at": Self.seconds(startedAt), "finished_at": Self.seconds(finishedAt),
            "state": (state == .cancelling ? JobState.running : state).rawValue,
            "retry_after": Self.seconds(retryAfter),
            "hold_cause": hold?.cause.rawValue, "hold_detail": hold?.detail, "run_since": Self.seconds(run?.since),
            "run_threads": run?.threads, "run_memory": run?.memory, "stop_cause": run?.stop?.cause.rawValue,
            "stop_since": Self.seconds(run?.stop?.since), "stop_killed": run?.stop?.killed, "attempt": attempt,
            "crashes": crashes, "failures": failures, "ran_for": ranFor, "error": try error.map(Self.json),
            "progress": try progress.map(Self.json), "workload": workload?.key, "steps": workload?.steps,
        ]
    }

    private static func seconds(_ date: Date?) -> Double? { date?.timeIntervalSince1970 }

    private static func json(_ value: some Encodable) throws -> String {
        String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    }

    /// The job of a row. One that cannot be read is held, with the reason, under what can be read of it.
    init(row: Row) {
        let reader = RowReader(row)
        do {
            try self.init(reading: reader)
        } catch {
            self.init(broken: reader, error)
        }
    }

    private init(broken reader: RowReader, _ problem: Problem) {
        let id = reader.id
        self.init(
            id: id, name: reader.text("name") ?? "job-\(id)",
            kind: JobKind(rawValue: reader.text("kind") ?? "") ?? .train,
            owner: reader.text("owner"), directory: reader.text("directory") ?? "",
            submittedAt: reader.date("submitted_at") ?? .now,
            phase: .held(Hold(.broken, problem.message)))
        attempt = reader.integer("attempt") ?? 0
        error = problem
    }

    private init(reading row: RowReader) throws(Problem) {
        self.init(
            id: row.id, name: try row.need("name", row.text), kind: try row.choice("kind"), owner: row.text("owner"),
            directory: try row.need("directory", row.text), priority: try row.need("priority", row.integer),
            waitsFor: Set(try row.decode([Int].self, "waits_for") ?? []), notBefore: row.date("not_before"),
            timeLimit: row.number("time_limit"), retries: try row.need("retries", row.integer),
            threads: row.integer("threads"), memory: row.integer("memory"),
            submittedAt: try row.need("submitted_at", row.date), phase: try Self.phase(row))
        attempt = try row.need("attempt", row.integer)
        crashes = try row.need("crashes", row.integer)
        failures = try row.need("failures", row.integer)
        ranFor = try row.need("ran_for", row.number)
        startedAt = row.date("started_at")
        error = try row.decode(Problem.self, "error")
        progress = try row.decode(JobProgress.self, "progress")
        if let key = row.text("workload") { workload = Workload(key: key, steps: try row.need("steps", row.integer)) }
    }

    private static func phase(_ row: RowReader) throws(Problem) -> Phase {
        let state: JobState = try row.choice("state")
        switch state {
        case .queued: return .queued(after: row.date("retry_after"))
        case .held: return .held(Hold(try row.choice("hold_cause"), try row.need("hold_detail", row.text)))
        case .running, .cancelling:
            var run = Run(
                since: try row.need("run_since", row.date), threads: try row.need("run_threads", row.integer),
                memory: try row.need("run_memory", row.integer))
            if row.text("stop_cause") != nil {
                run.stop = Stop(
                    try row.choice("stop_cause"), since: try row.need("stop_since", row.date),
                    killed: row.integer("stop_killed") == 1)
            }
            return .running(run)
        case .succeeded: return .ended(.succeeded, at: try row.need("finished_at", row.date))
        case .failed: return .ended(.failed, at: try row.need("finished_at", row.date))
        case .cancelled: return .ended(.cancelled, at: try row.need("finished_at", row.date))
        }
    }
}

/// Reads columns of whatever type SQLite has stored, which need not be the declared one.
private struct RowReader {
    let row: Row

    init(_ row: Row) { self.row = row }

    var id: Int { row["id"] }

    private func value<Value: DatabaseValueConvertible>(_ column: String) -> Value? {
        Value.fromDatabaseValue(row[column])
    }

    func text(_ column: String) -> String? { value(column) }
    func integer(_ column: String) -> Int? { value(column) }
    func number(_ column: String) -> Double? { value(column) }
    func date(_ column: String) -> Date? { number(column).map(Date.init(timeIntervalSince1970:)) }

    func need<Value>(_ column: String, _ read: (String) -> Value?) throws(Problem) -> Value {
        guard let value = read(column) else { throw unreadable(column) }
        return value
    }

    func choice<Choice: RawRepresentable<String>>(_ column: String) throws(Problem) -> Choice {
        guard let choice = Choice(rawValue: try need(column, text)) else { throw unreadable(column) }
        return choice
    }

    func decode<Value: Decodable>(_ type: Value.Type, _ column: String) throws(Problem) -> Value? {
        guard let json = text(column) else { return nil }
        do {
            return try JSONDecoder().decode(type, from: Data(json.utf8))
        } catch {
            throw unreadable(column)
        }
    }

    private func unreadable(_ column: String) -> Problem {
        Problem(
            .corrupt, "the store's row of job \(id) has no usable \(column)",
            remedy: "Submit the job again from request.json in its directory.", cause: text(column))
    }
}
