public import ControlAPI
import DurableFiles
import Foundation
import JobQueue
public import JobSpec
import Logging
public import Problems
import Spool
import StrictJSON

/// What the control server asks.
extension Scheduler: JobService {
    public func list(_ filter: JobFilter) throws(Problem) -> [JobStatus] {
        if let drop = filter.drop { return try jobs(filter, ofDrop: drop) }
        guard !filter.states.contains(where: \.isFinal) else {
            let jobs = try store.jobs(in: filter.states, named: filter.name, limit: filter.limit, after: filter.after)
            return statuses(of: jobs)
        }
        let first = filter.next.map { Set(state.first($0)) }
        let jobs = state.jobs.values.filter { job in
            filter.states.contains(job.state) && (filter.name == nil || job.name == filter.name)
                && job.id > filter.after ?? .min
                && (first == nil || job.state != .queued || first?.contains(job.id) == true)
        }.sorted { $0.id < $1.id }
        let count = filter.limit ?? jobs.count
        return statuses(of: Array(filter.after == nil ? jobs.suffix(count) : jobs.prefix(count)))
    }

    private func statuses(of shown: [JobRecord]) -> [JobStatus] {
        // One by one is less work for a few, and all together for many.
        guard shown.count > 200 else { return shown.map(statusWithTimes(of:)) }
        let waits = state.waits(at: machine.now())
        return shown.map { statusWithTimes(of: $0, wait: waits[$0.id]) }
    }

    /// Jobs among which the one of a drop is looked for: others may come in under its name, but not many in a minute.
    private static let jobsOfDrop = 20

    /// The daemon may read every record of acceptance; who dropped something may not.
    private func jobs(_ filter: JobFilter, ofDrop token: String) throws(Problem) -> [JobStatus] {
        let limit = min(filter.limit ?? .max, Self.jobsOfDrop)
        return try store.jobs(in: filter.states, named: filter.name, limit: limit).filter { job in
            let record = "\(directory(of: job))/\(JobFiles.acceptance)"
            // One that cannot be read is not that of a drop of late.
            guard let bytes = try? files.read(record, limit: 1 << 20) else { return false }
            return (try? JSONText.decode(Acceptance.self, from: bytes))?.token == token
        }.map(statusWithTimes(of:))
    }

    public func job(_ reference: JobReference) throws(Problem) -> JobStatus {
        statusWithTimes(of: try record(reference))
    }

    private func record(_ reference: JobReference) throws(Problem) -> JobRecord {
        if case .id(let id) = reference, let job = state.jobs[id] { return job }
        guard let job = try store.job(reference) else {
            throw noJob(reference)
        }
        return job
    }

    public func specification(of id: Int) throws(Problem) -> [UInt8] {
        try readFile("job.json", of: record(.id(id)))
    }

    private func readFile(_ name: String, of job: JobRecord) throws(Problem) -> [UInt8] {
        do {
            return try files.read("\(directory(of: job))/\(name)", limit: 64 << 20)
        } catch {
            throw Problem(error)
        }
    }

    public func change(_ id: Int, _ change: JobChange, by caller: Caller) throws(Problem) -> JobStatus {
        let job = try record(.id(id))
        logger.info(
            "\(caller.ownerName) asks: \(change) job \(id)", metadata: ["job_id": "\(id)", "job_name": "\(job.name)"])
        if job.state.isFinal {
            try changeEnded(job, change)
        } else {
            switch change {
            case .cancel: try apply(.cancel(job: id))
            case .hold: try apply(.hold(job: id, by: caller.ownerName))
            case .release: try apply(.release(job: checked(job).id))
            case .requeue: try apply(.requeue(job: checked(job).id))
            case .priority(let priority): try apply(.priority(job: id, priority))
            }
        }
        wakeup.yield()
        return try self.job(.id(id))
    }

    private func changeEnded(_ job: JobRecord, _ change: JobChange) throws(Problem) {
        switch change {
        case .requeue: try apply(.readmitted(checked(job)))
        // In force already.
        case .cancel where job.state == .cancelled: break
        case .cancel, .hold, .release, .priority:
            let how = job.state == .cancelled ? "was cancelled" : job.state.rawValue
            throw Problem(
                .invalid, "job \(job.id) has ended: it \(how)",
                remedy: change == .cancel
                    ? "There is nothing to cancel any more."
                    : "Put it back into the queue first: diffctl requeue \(job.id).")
        }
    }

    /// A job that shall run again must have its directory and its job file.
    private func checked(_ job: JobRecord) throws(Problem) -> JobRecord {
        _ = try readFile("job.json", of: job)
        return job
    }

    public func why(_ id: Int) throws(Problem) -> WaitExplanation {
        let job = try record(.id(id))
        let now = machine.now()
        guard let wait = state.wait(for: id, at: now) else {
            return WaitExplanation(job: id, state: job.state, detail: Self.standing(of: job))
        }
        return WaitExplanation(
            job: id, state: job.state, reason: wait.reason, detail: Self.detail(of: wait, job), waitsFor: wait.waitsFor,
            position: state.queuePosition(of: id, at: now), expectedStart: expectedTimes()[id]?.start)
    }

    /// Why a job waits, and the error behind it if it is held. Of a job that waits for its next attempt the wait tells that.
    private static func detail(of wait: Wait, _ job: JobRecord) -> String {
        guard job.state == .held, let error = job.error else { return wait.detail }
        if error.message == wait.detail { return error.description }
        guard wait.detail.contains(error.message) else { return "\(wait.detail)\n\(error)" }
        // All but the remedy has been said.
        return [wait.detail, error.remedy].compactMap(\.self).joined(separator: "\n")
    }

    /// What goes on with a job that does not wait.
    private static func standing(of job: JobRecord) -> String {
        switch job.phase {
        case .running(let run):
            if let stop = run.stop { return "attempt \(job.attempt) is being stopped (\(stop.cause.rawValue))" }
            return "attempt \(job.attempt) has run since \(run.since.formatted(.iso8601))"
        case .ended(.failed, _): return job.error?.description ?? ""
        case .ended(_, let date): return "since \(date.formatted(.iso8601))"
        case .queued, .held: return ""
        }
    }

    public func log(of id: Int, from offset: Int, limit: Int) throws(Problem) -> LogChunk {
        let job = try record(.id(id))
        let path = directory(of: job) + "/log.txt"
        do {
            guard try files.exists(path) else {
                return LogChunk(bytes: [], nextOffset: offset, isLast: job.state.isFinal)
            }
            let bytes = try ReadableFile(path).read(limit, at: offset)
            return LogChunk(
                bytes: bytes, nextOffset: offset + bytes.count, isLast: job.state.isFinal && bytes.count < limit)
        } catch {
            throw Problem(error)
        }
    }

    public func events(after last: Int?) -> JobEvents {
        hub.listen(after: last) { [weak self] id in
            Task { await self?.stopListening(id) }
        }
    }

    private func stopListening(_ id: UUID) { hub.remove(id) }

    public func health() -> Health {
        let states = state.jobs.values.map(\.state)
        return Health(
            status: state.isStopping ? .stopping : state.isDiskFull ? .diskFull : state.isDraining ? .draining : .ok,
            version: Release.version, pid: ProcessInfo.processInfo.processIdentifier, spool: settings.spool,
            startedAt: startedAt, queued: states.count { $0 == .queued }, held: states.count { $0 == .held },
            running: states.count { $0 == .running || $0 == .cancelling },
            troubles: troubles.sorted { $0.key < $1.key }.map { $0.value.inFile($0.key) })
    }

    public func metrics() -> ServiceMetrics {
        var jobs: [JobState: Int] = [:]
        attempt("count the jobs") { jobs = try store.counts().filter(\.key.isFinal) }
        for job in state.jobs.values { jobs[job.state, default: 0] += 1 }
        var free = 0
        attempt("find out how full the disk is") { free = try machine.freeSpace(settings.spool) }
        let used = state.used
        return ServiceMetrics(
            jobs: jobs,
            waiting: state.waits(at: machine.now()).values.reduce(into: [:]) { $0[$1.reason, default: 0] += 1 },
            jobsAccepted: counters.accepted, jobsRejected: counters.rejected, attemptsStarted: counters.attempts,
            workerCrashes: counters.crashes, threadsUsed: used.threads, threadsTotal: state.policy.threads,
            memoryUsedBytes: used.memory, memoryTotalBytes: state.policy.memory ?? 0, diskFreeBytes: free,
            startedAt: startedAt)
    }

    public func control(_ command: ServiceCommand, by caller: Caller) async throws(Problem) {
        logger.notice("\(caller.ownerName) asks: \(command.rawValue)")
        switch command {
        case .drain, .resume: try drain(command == .drain)
        case .reload:
            do {
                let fresh = try await reread()
                try take(fresh)
            } catch {
                throw Problem(error)
            }
        }
        wakeup.yield()
    }

    private func drain(_ draining: Bool) throws(Problem) {
        try store.set(.draining, to: draining ? "1" : "0")
        try apply(.draining(draining))
    }

    /// Works by new settings from now on; a spool or store stays where it is until the next start.
    private func take(_ fresh: SchedulerSettings) throws(Problem) {
        if fresh.spool != settings.spool || fresh.stateDirectory != settings.stateDirectory {
            logger.warning("spool and state_directory change with the next start only")
        }
        for (name, problem) in fresh.placeFaults { note(name, problem) }
        for name in settings.placeFaults.keys where fresh.placeFaults[name] == nil {
            note(name, nil)
        }
        let (spool, stateDirectory) = (settings.spool, settings.stateDirectory)
        for path in settings.allowedPaths { note(path, nil) }
        settings = fresh
        (settings.spool, settings.stateDirectory) = (spool, stateDirectory)
        noteAllowedPaths()
        try apply(.policy(fresh.policy))
    }
}
