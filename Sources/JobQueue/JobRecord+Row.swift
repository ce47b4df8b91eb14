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
            "inputs": try inputs.map(Self.json), "prompt": prompt,
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
        attempt = reader.integer("attempt", in: 0...Self.countLimit) ?? 0
        error = problem
    }

    /// No job has more attempts, and no machine more threads.
    private static let countLimit = 1_000_000
    /// Bytes.
    private static let memoryLimit = 1 << 60

    private init(reading row: RowReader) throws(Problem) {
        self.init(
            id: row.id, name: try row.need("name", row.text), kind: try row.choice("kind"), owner: row.text("owner"),
            directory: try row.need("directory", row.text),
            priority: try row.count("priority", in: -CommonOptions.priorityLimit...CommonOptions.priorityLimit),
            waitsFor: Set(try row.decode([Int].self, "waits_for") ?? []),
            notBefore: row.isNull("not_before") ? nil : try row.need("not_before", row.date),
            timeLimit: row.isNull("time_limit") ? nil : try row.need("time_limit", row.number),
            retries: try row.count("retries", in: 0...100),
            threads: try row.optionalCount("threads", in: 1...Self.countLimit),
            memory: try row.optionalCount("memory", in: 0...Self.memoryLimit),
            submittedAt: try row.need("submitted_at", row.date), phase: try Self.phase(row))
        attempt = try row.count("attempt", in: 0...Self.countLimit)
        crashes = try row.count("crashes", in: 0...Self.countLimit)
        failures = try row.count("failures", in: 0...Self.countLimit)
        ranFor = try row.need("ran_for", row.number)
        startedAt = row.date("started_at")
        error = try row.decode(Problem.self, "error")
        progress = try row.decode(JobProgress.self, "progress")
        inputs = try row.decode(TakenInputs.self, "inputs")
        prompt = row.text("prompt")
        if let key = row.text("workload") {
            workload = Workload(key: key, steps: try row.count("steps", in: 0...1 << 53))
        }
    }

    private static func phase(_ row: RowReader) throws(Problem) -> Phase {
        let state: JobState = try row.choice("state")
        switch state {
        case .queued: return .queued(after: row.date("retry_after"))
        case .held: return .held(Hold(try row.choice("hold_cause"), try row.need("hold_detail", row.text)))
        case .running, .cancelling:
            var run = Run(
                since: try row.need("run_since", row.date), threads: try row.count("run_threads", in: 0...countLimit),
                memory: try row.count("run_memory", in: 0...memoryLimit))
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
