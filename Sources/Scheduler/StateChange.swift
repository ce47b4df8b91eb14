import JobQueue
import JobSpec
import Logging

/// A change worth a line in the journal. Each kind has one id for good, so that `journalctl MESSAGE_ID=` finds it.
enum StateChange: String, CaseIterable {
    case queued, held, started, stopping, cancelling, succeeded, failed, cancelled, rejected

    /// Random numbers, drawn once; never to be changed.
    var messageID: String {
        switch self {
        case .queued: "d750db515d5048f485c8d79df169f2e8"
        case .held: "aefd0ed1cdec4f178cbfe9426d91d959"
        case .started: "c22273ef2caa426ab9a3674099100e5a"
        case .stopping: "e9175576e3a6427480b76f58dc4f0ddb"
        case .cancelling: "1a6b6514c99141b8b96fb3bf63c609a1"
        case .succeeded: "8fb1cf683de342319680d81ef2cc697f"
        case .failed: "a478273bb8384cb0844af2b3176fe87d"
        case .cancelled: "5b18c089cfb54c5ab27463d471967a4f"
        case .rejected: "31d914ea449048c9b3eba812bc8bd20d"
        }
    }

    var level: Logger.Level {
        switch self {
        case .queued, .started, .succeeded: .info
        case .stopping, .cancelling, .cancelled: .notice
        case .held, .rejected: .warning
        case .failed: .error
        }
    }

    /// How much attention it deserves in this case: what somebody has asked for is no trouble.
    func level(of job: JobRecord) -> Logger.Level {
        if case .held(let hold) = job.phase, [.requested, .user].contains(hold.cause) { return .notice }
        return level
    }

    init(_ job: JobRecord) {
        switch job.phase {
        case .queued: self = .queued
        case .held: self = .held
        case .running(let run): self = run.stop == nil ? .started : run.stop?.cause == .cancel ? .cancelling : .stopping
        case .ended(.succeeded, _): self = .succeeded
        case .ended(.failed, _): self = .failed
        case .ended(.cancelled, _): self = .cancelled
        }
    }
}

extension Logger {
    /// Tells what became of a job.
    func log(_ job: JobRecord, detail: String?) {
        let change = StateChange(job)
        var text = "job \(job.id) \(job.name): "
        switch job.phase {
        case .running(let run) where run.stop == nil: text += "attempt \(job.attempt) starts"
        case .running(let run): text += "attempt \(job.attempt) is asked to end (\(run.stop?.cause.rawValue ?? ""))"
        case .queued, .held, .ended: text += job.state.rawValue
        }
        if let detail { text += ": \(detail)" }
        log(
            level: change.level(of: job), "\(text)",
            metadata: [
                "message_id": "\(change.messageID)", "job_id": "\(job.id)", "job_name": "\(job.name)",
                "attempt": "\(job.attempt)",
            ])
    }
}
