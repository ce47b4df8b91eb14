import Foundation
import Problems

/// Which waiting jobs start now, and which running ones must give way.
struct Selection: Equatable {
    /// In the order in which they start.
    var start: [Int] = []
    var preempt: [Int] = []

    /// What is not taken by workers.
    private struct Pool {
        var slots: Int
        var threads: Int
        var memory: Int

        func fits(_ demand: (threads: Int, memory: Int)) -> Bool {
            slots > 0 && demand.threads <= threads && demand.memory <= memory
        }

        mutating func take(_ demand: (threads: Int, memory: Int)) {
            slots -= 1
            threads = threads -| demand.threads
            memory = memory -| demand.memory
        }

        mutating func giveBack(_ run: Run) {
            slots += 1
            threads +|= run.threads
            memory +|= run.memory
        }
    }

    /// - Parameters:
    ///   - waiting: the jobs that could start, first in order first; read only as far as needed.
    ///   - running: the jobs that have a worker.
    ///
    /// A job that fits may pass one that does not, until that one has waited `starvationLimit`; from then on nothing passes
    /// it and the pool drains for it.
    init(waiting: some Sequence<JobRecord>, running: [JobRecord], policy: QueuePolicy, now: Date) {
        var free = Pool(slots: policy.maxWorkers, threads: policy.threads, memory: policy.memory ?? .max)
        for job in running {
            if let run = job.run { free.take((run.threads, run.memory)) }
        }
        var isFirstBlocked = true
        for job in waiting {
            let demand = policy.demand(of: job)
            if free.fits(demand) {
                free.take(demand)
                start.append(job.id)
                continue
            }
            if isFirstBlocked, policy.preempt {
                preempt = Self.victims(for: job, demand, running: running, free: free)
            }
            isFirstBlocked = false
            let waited = now.timeIntervalSince(max(job.submittedAt, job.notBefore ?? .distantPast))
            if free.slots <= 0 || waited >= policy.starvationLimit { break }
        }
    }

    /// The running jobs of lower priority that make room for `job`: lowest priority first, then the newest. None when those
    /// that are ending already are enough, or when all of them would not be.
    private static func victims(
        for job: JobRecord, _ demand: (threads: Int, memory: Int), running: [JobRecord], free: Pool
    ) -> [Int] {
        var free = free
        for case (let run?) in running.map(\.run) where run.stop != nil { free.giveBack(run) }
        var victims: [Int] = []
        let lower = running.filter { $0.priority < job.priority && $0.run?.stop == nil }
            .sorted { ($0.priority, -$0.id) < ($1.priority, -$1.id) }
        for candidate in lower {
            if free.fits(demand) { break }
            if let run = candidate.run { free.giveBack(run) }
            victims.append(candidate.id)
        }
        return free.fits(demand) ? victims : []
    }
}
