public import Foundation
public import JobSpec
public import Problems

/// The queue as a value: events go in, a `Transition` comes out, nothing else happens.
///
/// It holds the jobs that have not ended; those that have stand in the store. The caller applies an event, commits
/// the transition's rows, and then carries out its effects; when the commit fails, the store's rows replace the value. What a
/// crash interrupts between two of these steps is found and repeated at the next start.
public struct QueueState: Sendable, Hashable {
    /// The jobs that have not ended, by id.
    public private(set) var jobs: [Int: JobRecord] = [:]
    public private(set) var policy: QueuePolicy
    public private(set) var isDiskFull = false
    public private(set) var isDraining = false
    public private(set) var isStopping = false
    /// Nothing starts before `recovered`.
    public private(set) var isRecovering = false

    /// The queued jobs, first to start first.
    private(set) var order: [Rank] = []
    private(set) var running: Set<Int> = []
    /// Who waits for a job.
    private(set) var dependents: [Int: Set<Int>] = [:]

    /// Higher priority first, then lower id.
    struct Rank: Hashable, Comparable {
        var priority: Int
        var id: Int

        static func < (a: Rank, b: Rank) -> Bool {
            (b.priority, a.id) < (a.priority, b.id)
        }
    }

    /// - Parameter jobs: the jobs that have not ended, as the store has them.
    public init(
        _ jobs: some Sequence<JobRecord> = [], policy: QueuePolicy, isDraining: Bool = false, isDiskFull: Bool = false,
        isStopping: Bool = false, isRecovering: Bool = false
    ) {
        self.policy = policy
        self.isDraining = isDraining
        self.isDiskFull = isDiskFull
        self.isStopping = isStopping
        self.isRecovering = isRecovering
        for job in jobs { put(job) }
    }

    /// What `event` does, at the time `now`.
    ///
    /// Throws code `missing` for a job that is not in the queue and `invalid` for a request that the job's state does not
    /// allow; the state is then unchanged.
    public mutating func apply(_ event: QueueEvent, at now: Date) throws(Problem) -> Transition {
        var step = Step(now: now)
        switch event {
        case .accepted(let job, let ended): accept(job, ended: ended, &step)
        case .attemptEnded(let id, let attempt, let end, let progress):
            attemptEnded(id, attempt, end, progress, &step)
        case .cancel(let id): cancel(try job(id), &step)
        case .hold(let id, let user): try hold(try job(id), by: user, &step)
        case .release(let id): try release(try job(id), &step)
        case .requeue(let id): try requeue(try job(id), &step)
        case .readmitted(let job): readmit(job, &step)
        case .priority(let id, let priority): setPriority(try job(id), priority, &step)
        case .broken(let id, let problem): markBroken(try job(id), problem, &step)
        case .diskFull(let full): isDiskFull = full
        case .draining(let draining): isDraining = draining
        case .policy(let policy): self.policy = policy
        case .stopping:
            isStopping = true
            stopAll(&step)
        case .recovered:
            isRecovering = false
            repeatSignals(&step)
        case .tick: break
        }
        enforceLimits(&step)
        startJobs(&step)
        return Transition(saved: step.saved.values.sorted { $0.id < $1.id }, effects: step.effects)
    }

    // MARK: - What is no event of a job

    /// Notes what is known of a job's inputs; returns the job, to be stored. Nil for one that is not in the queue.
    public mutating func setInputs(of id: Int, to inputs: TakenInputs) -> JobRecord? {
        guard var job = jobs[id] else { return nil }
        job.inputs = inputs
        put(job)
        return job
    }

    /// The system's clock was set: moves the beginnings and ends of pauses and attempts along, so that they last as
    /// long as they did.
    ///
    /// - Parameter seconds: by how much the clock is ahead of where it was.
    /// - Returns: the jobs that changed, to be stored.
    public mutating func moveClock(by seconds: Double) -> [JobRecord] {
        var moved: [JobRecord] = []
        for var job in jobs.values {
            switch job.phase {
            case .queued(let after?): job.phase = .queued(after: after + seconds)
            case .running(var run):
                run.since += seconds
                run.stop?.since += seconds
                job.phase = .running(run)
            case .queued(nil), .held, .ended: continue
            }
            put(job)
            moved.append(job)
        }
        return moved.sorted { $0.id < $1.id }
    }

    /// One `apply` in the making.
    struct Step {
        let now: Date
        var saved: [Int: JobRecord] = [:]
        var effects: [Effect] = []
    }

    func job(_ id: Int) throws(Problem) -> JobRecord {
        guard let job = jobs[id] else { throw Problem(.missing, "job \(id) is not in the queue") }
        return job
    }

    // MARK: - Storing

    /// Brings `jobs` and the indexes over them up to date.
    private mutating func put(_ job: JobRecord) {
        if let old = jobs[job.id] { unindex(old) }
        if case .ended = job.phase {
            jobs[job.id] = nil
            return
        }
        jobs[job.id] = job
        for id in job.waitsFor { dependents[id, default: []].insert(job.id) }
        switch job.phase {
        case .queued:
            let rank = Rank(priority: job.priority, id: job.id)
            order.insert(rank, at: position(of: rank))
        case .running: running.insert(job.id)
        case .held, .ended: break
        }
    }

    private mutating func unindex(_ job: JobRecord) {
        for id in job.waitsFor {
            dependents[id]?.remove(job.id)
            if dependents[id]?.isEmpty == true { dependents[id] = nil }
        }
        switch job.phase {
        case .queued: order.remove(at: position(of: Rank(priority: job.priority, id: job.id)))
        case .running: running.remove(job.id)
        case .held, .ended: break
        }
    }

    /// Where `rank` stands in `order`, or would.
    private func position(of rank: Rank) -> Int {
        var range = 0..<order.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = order[middle] < rank ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound
    }

    mutating func save(_ job: JobRecord, _ step: inout Step) {
        put(job)
        step.saved[job.id] = job
    }

    // MARK: - Coming and going

    private mutating func accept(_ job: JobRecord, ended: [Int: Ending], _ step: inout Step) {
        var job = job
        job.waitsFor.subtract(ended.filter { $0.value == .succeeded }.keys)
        if case .queued(let after) = job.phase { enqueue(&job, after: after) }
        save(job, &step)
    }

    /// Puts a job into the queue, or holds it when it needs the success of a job that did not succeed.
    func enqueue(_ job: inout JobRecord, after: Date?) {
        let failed = job.waitsFor.filter { jobs[$0] == nil }
        if failed.isEmpty {
            job.phase = .queued(after: after)
        } else {
            job.phase = .held(Hold(.dependencyFailed, "\(Wait.list(failed)) did not succeed"))
        }
    }

    mutating func end(_ job: JobRecord, _ ending: Ending, error: Problem? = nil, _ step: inout Step) {
        var job = job
        job.phase = .ended(ending, at: step.now)
        job.error = error
        let waiting = dependents[job.id] ?? []
        save(job, &step)
        for id in waiting.sorted() {
            guard var dependent = jobs[id] else { continue }
            if ending == .succeeded {
                dependent.waitsFor.remove(job.id)
            } else if case .queued(let after) = dependent.phase {
                enqueue(&dependent, after: after)
            }
            save(dependent, &step)
        }
    }

    mutating func readmit(_ job: JobRecord, _ step: inout Step) {
        guard jobs[job.id] == nil else { return }
        var job = job
        freshStart(&job)
        job.ranFor = 0
        job.waitsFor = []
        job.phase = .queued(after: nil)
        save(job, &step)
        // Those that were held because of it wait again.
        for id in (dependents[job.id] ?? []).sorted() {
            guard var dependent = jobs[id], case .held(let hold) = dependent.phase, hold.cause == .dependencyFailed
            else { continue }
            enqueue(&dependent, after: nil)
            save(dependent, &step)
        }
    }

    func freshStart(_ job: inout JobRecord) {
        job.crashes = 0
        job.failures = 0
        job.error = nil
    }

    private mutating func markBroken(_ job: JobRecord, _ problem: Problem, _ step: inout Step) {
        var job = job
        job.phase = .held(Hold(.broken, problem.message))
        job.error = problem
        save(job, &step)
    }

    // MARK: - Starting

    func isEligible(_ job: JobRecord, at now: Date) -> Bool {
        guard case .queued(let after) = job.phase, job.waitsFor.isEmpty else { return false }
        return now >= max(after ?? .distantPast, job.notBefore ?? .distantPast)
    }

    /// The jobs that could start, first in order first.
    func eligible(at now: Date) -> some Sequence<JobRecord> {
        order.lazy.compactMap { [self] in jobs[$0.id] }.filter { [self] in isEligible($0, at: now) }
    }

    private mutating func startJobs(_ step: inout Step) {
        guard !isRecovering, !isStopping, !isDraining, !isDiskFull else { return }
        guard policy.preempt || running.count < policy.maxWorkers else { return }
        let selection = Selection(
            waiting: eligible(at: step.now), running: running.compactMap { jobs[$0] }, policy: policy, now: step.now)
        for id in selection.preempt {
            if let job = jobs[id] { stop(job, .preempted, &step) }
        }
        for id in selection.start {
            guard var job = jobs[id] else { continue }
            let demand = policy.demand(of: job)
            job.attempt +|= 1
            job.startedAt = job.startedAt ?? step.now
            job.phase = .running(Run(since: step.now, threads: demand.threads, memory: demand.memory))
            save(job, &step)
            step.effects.append(.start(job: id, attempt: job.attempt, threads: demand.threads))
        }
    }
}
