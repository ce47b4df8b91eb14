import Foundation
import JobSpec
import Problems

/// How attempts are stopped, and what becomes of a job when one is over.
extension QueueState {
    /// Asks the worker to end. A repeated request is repeated to the worker.
    mutating func stop(_ job: JobRecord, _ cause: Stop.Cause, _ step: inout Step) {
        guard var run = job.run else { return }
        if let current = run.stop {
            if current.cause < cause {
                // The patience of the new cause counts from now.
                run.stop = Stop(cause, since: step.now, killed: current.killed)
            }
        } else {
            run.stop = Stop(cause, since: step.now)
        }
        if job.run != run {
            var job = job
            job.phase = .running(run)
            save(job, &step)
        }
        signal(job.id, job.attempt, run, &step)
    }

    func signal(_ id: Int, _ attempt: Int, _ run: Run, _ step: inout Step) {
        guard let stop = run.stop else { return }
        step.effects.append(stop.killed ? .kill(job: id, attempt: attempt) : .terminate(job: id, attempt: attempt))
    }

    mutating func stopAll(_ step: inout Step) {
        for id in running.sorted() {
            if let job = jobs[id] { stop(job, .shutdown, &step) }
        }
    }

    func repeatSignals(_ step: inout Step) {
        for id in running.sorted() {
            if let job = jobs[id], let run = job.run { signal(id, job.attempt, run, &step) }
        }
    }

    /// Time limits, and SIGKILL for those that SIGTERM did not move.
    mutating func enforceLimits(_ step: inout Step) {
        for id in running.sorted() {
            guard var job = jobs[id], var run = job.run else { continue }
            if let end = timeLimitEnd(of: job, run), end <= step.now { stop(job, .timeLimit, &step) }
            job = jobs[id] ?? job
            run = job.run ?? run
            if let deadline = killDeadline(run), deadline <= step.now {
                run.stop?.killed = true
                job.phase = .running(run)
                save(job, &step)
                signal(id, job.attempt, run, &step)
            }
        }
    }

    func timeLimitEnd(of job: JobRecord, _ run: Run) -> Date? {
        guard let limit = job.timeLimit, (run.stop?.cause ?? .shutdown) < .timeLimit else { return nil }
        return run.since.addingTimeInterval(limit - job.ranFor)
    }

    func killDeadline(_ run: Run) -> Date? {
        guard let stop = run.stop, !stop.killed else { return nil }
        return stop.since.addingTimeInterval(policy.patience(for: stop.cause))
    }

    /// The end of an attempt. That of an attempt which is not under way has been told before, and changes nothing.
    mutating func attemptEnded(
        _ id: Int, _ attempt: Int, _ end: AttemptEnd, _ progress: JobProgress?, _ step: inout Step
    ) {
        guard var job = jobs[id], job.attempt == attempt, let run = job.run else { return }
        if let progress {
            // What it has overcome does not count any more.
            if progress.step > job.progress?.step ?? 0, job.error?.code == .diskFull { job.failures = 0 }
            job.progress = progress
            // Nothing is on its way to its end any more.
            job.progress?.etaSeconds = nil
        }
        // Of an attempt that went down with the machine nobody knows how long it ran.
        if end != .lost { job.ranFor += max(0, step.now.timeIntervalSince(run.since)) }
        switch (end, run.stop?.cause) {
        case (.succeeded, _): self.end(job, .succeeded, &step)
        case (_, .cancel): self.end(job, .cancelled, &step)
        case (.failed(let problem, let peak), _): failed(job, problem, peak, &step)
        case (_, .timeLimit): self.end(job, .failed, error: Self.outOfTime(job), &step)
        case (_, .hold):
            job.phase = .held(Hold(.user, "held while it ran"))
            save(job, &step)
        case (.notStarted(let problem), _): again(job, because: problem, after: policy.backoff(job.attempt), &step)
        case (_, .requeue), (_, .preempted), (_, .shutdown), (.lost, nil): again(job, after: 0, &step)
        // Somebody else's SIGTERM.
        case (.checkpointed, nil): again(job, after: policy.retryBackoff, &step)
        case (.crashed(let how), nil): crashed(job, how, &step)
        }
    }

    mutating func again(_ job: JobRecord, because problem: Problem? = nil, after: Double, _ step: inout Step) {
        var job = job
        job.error = problem
        enqueue(&job, after: after > 0 ? step.now.addingTimeInterval(after) : nil)
        save(job, &step)
    }

    mutating func crashed(_ job: JobRecord, _ how: String, _ step: inout Step) {
        var job = job
        job.crashes +|= 1
        let problem = Problem(
            .crashed, "the worker of attempt \(job.attempt) died: \(how)",
            remedy: "See log.txt in the job's directory.")
        // A job that asks for fewer retries than usual has none for deaths either.
        let limit =
            job.retries < CommonOptions().retries ? min(policy.crashLimit, job.retries +| 1) : policy.crashLimit
        guard job.crashes >= limit else {
            return again(job, because: problem, after: policy.backoff(job.crashes), &step)
        }
        job.error = problem
        job.phase = .held(Hold(.crashed, job.crashes == 1 ? "crashed once" : "crashed \(job.crashes) times"))
        save(job, &step)
    }

    mutating func failed(_ job: JobRecord, _ problem: Problem, _ peakMemory: Int?, _ step: inout Step) {
        var job = job
        switch problem.code {
        case .outOfMemory:
            job.error = problem
            let peak = peakMemory.map { " (peak \(Self.size($0)))" } ?? ""
            job.phase = .held(Hold(.outOfMemory, "out of memory\(peak)"))
            save(job, &step)
        case .diskFull:
            // The disk's fault: it does not count against the job, which starts when there is space again.
            guard !isDiskFull else { return again(job, because: problem, after: policy.retryBackoff, &step) }
            // But one for which the disk is too small would begin anew for ever.
            job.failures +|= 1
            guard job.failures >= max(job.retries, Self.triesForSpace) else {
                return again(job, because: problem, after: policy.backoff(job.failures), &step)
            }
            job.error = problem
            job.phase = .held(Hold(.diskFull, "no space for what it writes, \(job.failures) times in a row"))
            save(job, &step)
        case .interrupted, .unavailable, .crashed:
            job.failures +|= 1
            guard job.failures > job.retries else {
                return again(job, because: problem, after: policy.backoff(job.failures), &step)
            }
            end(job, .failed, error: problem, &step)
        case .invalid, .missing, .denied, .corrupt, .unsupported, .numerical, .io, .internal:
            end(job, .failed, error: problem, &step)
        }
    }

    /// An attempt that ends for lack of space without having come further than the one before is repeated so often at least.
    private static let triesForSpace = 3

    /// `310 MiB`, `1.4 GiB`.
    private static func size(_ bytes: Int) -> String {
        bytes < 1 << 30 ? "\(bytes >> 20) MiB" : String(format: "%.1f GiB", Double(bytes) / 0x1p30)
    }

    static func outOfTime(_ job: JobRecord) -> Problem {
        Problem(
            .interrupted, "ended at its time limit of \(Int(saturating: (job.timeLimit ?? 0).rounded())) s",
            remedy: "Its state is saved: requeue it to go on, or submit it with a larger time_limit.")
    }
}
