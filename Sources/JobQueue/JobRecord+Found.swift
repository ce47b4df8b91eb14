import DurableFiles
public import Foundation
public import JobSpec
public import Problems
import StrictJSON

extension JobRecord {
    /// A job as it is accepted.
    public init(
        _ spec: JobSpec, id: Int, owner: String?, directory: String, submittedAt: Date, inputs: TakenInputs? = nil,
        waitsFor: Set<Int> = []
    ) throws {
        let common = spec.common
        self.init(
            id: id, name: spec.name, kind: spec.kind, owner: owner, directory: directory,
            priority: common.priority, waitsFor: waitsFor, notBefore: common.notBefore,
            timeLimit: common.timeLimit.map(Double.init), retries: common.retries, threads: common.resources.threads,
            memory: common.resources.memory, submittedAt: submittedAt, workload: try Workload(spec),
            phase: common.hold ? .held(Hold(.requested, "held by its job file")) : .queued(after: nil))
        self.inputs = inputs
        prompt = spec.promptBeginning
    }

    /// A job of which not even its directory tells what it is: held for that reason.
    public init(unreadable problem: Problem, id: Int, name: String, directory: String, at now: Date) {
        self.init(
            id: id, name: name, kind: .train, directory: directory, submittedAt: now,
            phase: .held(Hold(.broken, problem.message)))
        error = problem
    }

    /// The job as it stands when the store has lost it: as it ended, if its `status.json` says that it did, and
    /// otherwise held.
    ///
    /// - Parameter status: nil where there is none.
    public func found(_ status: JobStatus?, at now: Date) -> JobRecord {
        var job = self
        if job.error == nil {
            job.phase = .held(Hold(.broken, "found by its directory; the queue's store did not know it"))
        }
        job.waitsFor = []
        guard let status else { return job }
        (job.attempt, job.startedAt, job.error) = (
            min(max(status.attempt, 0), 1_000_000), status.startedAt, status.error ?? job.error
        )
        job.progress = status.progress
        if let inputs = status.inputs { job.inputs = inputs }
        let finished = status.finishedAt ?? now
        switch status.state {
        case .succeeded: job.phase = .ended(.succeeded, at: finished)
        case .failed: job.phase = .ended(.failed, at: finished)
        case .cancelled: job.phase = .ended(.cancelled, at: finished)
        case .queued, .held, .running, .cancelling: break
        }
        return job
    }
}

extension Workload {
    /// The members of a job that decide how long a step of it takes.
    private static let costly = [
        "kind", "model", "resources.threads", "dataset.format", "dataset.resolution", "training.batch_size",
        "training.gradient_accumulation_steps", "sampler.name", "batch_size", "guidance_scale",
    ]

    /// Nil for a job that does not say how many steps it has.
    public init?(_ spec: JobSpec) throws {
        let job = spec.json
        func member(_ path: String) -> JSONNode? {
            path.split(separator: ".").reduce(job as JSONNode?) { $0?[String($1)] }
        }
        let steps: Int
        if let training = member("training.steps")?.integer {
            steps = training
        } else if let sampler = member("sampler.steps")?.integer {
            let (count, batch) = (member("count")?.integer ?? 1, member("batch_size")?.integer ?? 1)
            steps = sampler *| ((count +| batch -| 1) / max(batch, 1))
        } else {
            return nil
        }
        let cost = Self.costly.map { "\($0)=\(member($0)?.text ?? "")" }.joined(separator: "\n")
        // A string of fifteen bytes takes no memory beside the record's.
        self.init(key: String(try SHA256.digest(of: Array(cost.utf8)).description.prefix(15)), steps: steps)
    }
}
