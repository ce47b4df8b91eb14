import Foundation
import Problems

/// What users ask for.
extension QueueState {
    mutating func cancel(_ job: JobRecord, _ step: inout Step) {
        switch job.phase {
        case .queued, .held: end(job, .cancelled, error: job.error, &step)
        case .running: stop(job, .cancel, &step)
        case .ended: break
        }
    }

    mutating func hold(_ job: JobRecord, by user: String, _ step: inout Step) throws(Problem) {
        switch job.phase {
        case .queued:
            var job = job
            job.phase = .held(Hold(.user, "held by \(user)"))
            save(job, &step)
        case .running(let run):
            try refuseWhenEnding(job, run)
            stop(job, .hold, &step)
        case .held, .ended: break
        }
    }

    mutating func release(_ job: JobRecord, _ step: inout Step) throws(Problem) {
        switch job.phase {
        case .held(let hold):
            var job = job
            // Whoever releases it wants it to run although that job did not succeed.
            if hold.cause == .dependencyFailed { job.waitsFor.formIntersection(jobs.keys) }
            freshStart(&job)
            enqueue(&job, after: nil)
            save(job, &step)
        case .running(var run):
            guard run.stop?.cause == .hold else { return }
            var job = job
            run.stop?.cause = .requeue
            job.phase = .running(run)
            save(job, &step)
        case .queued, .ended: break
        }
    }

    mutating func requeue(_ job: JobRecord, _ step: inout Step) throws(Problem) {
        switch job.phase {
        case .running(let run):
            try refuseWhenEnding(job, run)
            stop(job, .requeue, &step)
        case .held: try release(job, &step)
        case .queued(let after):
            guard after != nil else { return }
            var job = job
            job.phase = .queued(after: nil)
            save(job, &step)
        case .ended: break
        }
    }

    private func refuseWhenEnding(_ job: JobRecord, _ run: Run) throws(Problem) {
        guard let cause = run.stop?.cause, cause >= .timeLimit else { return }
        throw Problem(
            .invalid, "job \(job.id) is being \(cause == .cancel ? "cancelled" : "ended at its time limit")",
            remedy: "Wait until it has ended, then requeue it.")
    }

    mutating func setPriority(_ job: JobRecord, _ priority: Int, _ step: inout Step) {
        guard job.priority != priority else { return }
        var job = job
        job.priority = priority
        save(job, &step)
    }
}
