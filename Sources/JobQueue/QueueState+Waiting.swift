public import Foundation
import JobSpec
import Problems

/// Who waits for what.
extension QueueState {
    /// The jobs that have a worker, by id.
    public var runningJobs: [JobRecord] { running.sorted().compactMap { jobs[$0] } }

    /// Threads and bytes that running workers have taken.
    public var used: (threads: Int, memory: Int) {
        runningJobs.compactMap(\.run).reduce((0, 0)) { ($0.0 +| $1.threads, $0.1 +| $1.memory) }
    }

    /// The first `count` of the queued jobs, first in order first, whether they could start now or not.
    public func first(_ count: Int) -> [Int] { order.prefix(count).map(\.id) }

    /// When the next `tick` could change something.
    public func nextDeadline(after now: Date) -> Date? {
        var next: Date?
        func consider(_ date: Date?) {
            guard let date, date > now else { return }
            next = min(next ?? date, date)
        }
        for job in runningJobs {
            guard let run = job.run else { continue }
            consider(timeLimitEnd(of: job, run))
            consider(killDeadline(run))
        }
        consider(wakeTimes(after: now).first)
        return next
    }

    /// When queued jobs that wait for a time may start, in order.
    func wakeTimes(after now: Date) -> [Date] {
        var times: Set<Date> = []
        for rank in order {
            guard let job = jobs[rank.id], case .queued(let after) = job.phase else { continue }
            for time in [after, job.notBefore].compactMap(\.self) where time > now { times.insert(time) }
        }
        return times.sorted()
    }

    /// Why each job that waits does so.
    public func waits(at now: Date) -> [Int: Wait] {
        var waits: [Int: Wait] = [:]
        var first: Int?
        for rank in order {
            guard let job = jobs[rank.id] else { continue }
            waits[job.id] = wait(for: job, behind: first, at: now)
            if first == nil, isEligible(job, at: now) { first = job.id }
        }
        for job in jobs.values {
            if case .held(let hold) = job.phase { waits[job.id] = Wait(hold, waitsFor: job.waitsFor) }
        }
        return waits
    }

    /// Why job `id` waits; nil when it does not.
    public func wait(for id: Int, at now: Date) -> Wait? {
        guard let job = jobs[id] else { return nil }
        switch job.phase {
        case .held(let hold): return Wait(hold, waitsFor: job.waitsFor)
        case .running, .ended: return nil
        case .queued:
            let first = eligible(at: now).first { _ in true }?.id
            return wait(for: job, behind: first == id ? nil : first, at: now)
        }
    }

    /// 1 for the job that starts next; nil for one that cannot start yet.
    public func queuePosition(of id: Int, at now: Date) -> Int? {
        eligible(at: now).enumerated().first { $0.element.id == id }.map { $0.offset + 1 }
    }

    private func wait(for job: JobRecord, behind first: Int?, at now: Date) -> Wait {
        guard case .queued(let after) = job.phase else { return Wait(.held, "") }
        if !job.waitsFor.isEmpty {
            return Wait(.dependency, "waits for \(Wait.list(job.waitsFor))", waitsFor: job.waitsFor.sorted())
        }
        if let date = job.notBefore, date > now { return Wait(.notBefore, "not before \(Self.text(date))") }
        if let date = after, date > now {
            return Wait(
                .notBefore, "next attempt at \(Self.text(date)): \(job.error?.message ?? "the last one was stopped")")
        }
        if isDiskFull { return Wait(.diskFull, "the disk is full; no job starts until there is space") }
        if isDraining || isStopping { return Wait(.draining, isStopping ? "the daemon ends" : "the queue is drained") }
        if let first { return Wait(.priority, "job \(first) is before it", waitsFor: [first]) }
        let blocking = runningJobs.map(\.id)
        guard !blocking.isEmpty else { return Wait(.resources, "starts next") }
        return Wait(.resources, "\(Wait.list(blocking)) \(blocking.count == 1 ? "runs" : "run")", waitsFor: blocking)
    }

    private static func text(_ date: Date) -> String { date.formatted(.iso8601) }
}
