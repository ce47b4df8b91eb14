public import Foundation
public import JobSpec
public import Problems

/// A job as the queue knows it: what was asked for, and how far it has come. A row of the store.
///
/// All that have not ended are in memory, ten thousand perhaps: what few of them have is kept outside of the record.
public struct JobRecord: Sendable, Hashable, Identifiable {
    public var id: Int
    public var name: String
    public var kind: JobKind
    /// The user who submitted it.
    public var owner: String?
    /// The name of its directory under `jobs/`.
    public var directory: String
    /// Higher is first.
    public var priority: Int
    /// The jobs whose success it still needs; a job that has succeeded is struck off.
    public var waitsFor: Set<Int>
    public var notBefore: Date?
    /// Seconds that it may run, all attempts together.
    public var timeLimit: Double?
    /// How often an attempt that failed for a passing reason is repeated.
    public var retries: Int
    /// What it takes from the pool; nil takes the pool's share for one worker.
    public var threads: Int?
    /// Bytes.
    public var memory: Int?
    public var submittedAt: Date
    /// How much work it is; nil for a job of an earlier version.
    public var workload: Workload?

    public var phase: Phase
    /// Attempts begun so far.
    public var attempt = 0
    /// Attempts that died without a result since it was last released.
    public var crashes = 0
    /// Attempts that failed for a passing reason since it was last released.
    public var failures = 0
    /// Seconds that earlier attempts ran.
    public var ranFor = 0.0
    /// When its first attempt began.
    public var startedAt: Date?
    /// The newest failure; nil once an attempt succeeded.
    @Boxed public var error: Problem? = nil
    /// How far it had come when its newest attempt was over.
    @Boxed public var progress: JobProgress? = nil
    /// What was dropped with it in a directory.
    @Boxed public var inputs: TakenInputs? = nil
    /// How its first prompt begins.
    @Boxed public var prompt: String? = nil

    public init(
        id: Int, name: String, kind: JobKind, owner: String? = nil, directory: String, priority: Int = 0,
        waitsFor: Set<Int> = [], notBefore: Date? = nil, timeLimit: Double? = nil, retries: Int = 2,
        threads: Int? = nil,
        memory: Int? = nil, submittedAt: Date, workload: Workload? = nil, phase: Phase = .queued(after: nil)
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.owner = owner
        self.directory = directory
        self.priority = priority
        self.waitsFor = waitsFor
        self.notBefore = notBefore
        self.timeLimit = timeLimit
        self.retries = retries
        self.threads = threads
        self.memory = memory
        self.submittedAt = submittedAt
        self.workload = workload
        self.phase = phase
    }
}

/// How much work a job is, in steps that take equally long for all jobs of one key.
public struct Workload: Sendable, Hashable {
    /// The same for jobs whose steps cost the same.
    public var key: String
    public var steps: Int

    public init(key: String, steps: Int) {
        self.key = key
        self.steps = steps
    }
}

/// Where a job stands, with what belongs to that standing only.
public enum Phase: Sendable, Hashable {
    /// Waits for its turn, and until `after` when an attempt has just gone wrong.
    case queued(after: Date?)
    indirect case held(Hold)
    /// Its attempt is committed; a worker runs, is about to, or has just gone.
    indirect case running(Run)
    case ended(Ending, at: Date)
}

/// What keeps a job from being considered until somebody releases it.
public struct Hold: Sendable, Hashable {
    public enum Cause: String, Sendable, Hashable, CaseIterable {
        /// `hold: true` in the job file.
        case requested
        case user
        case dependencyFailed = "dependency_failed"
        case crashed
        case outOfMemory = "out_of_memory"
        /// There was never enough space for what it writes.
        case diskFull = "disk_full"
        /// The store's row or the job's directory cannot be used.
        case broken
    }

    public var cause: Cause
    /// A sentence for people.
    public var detail: String

    public init(_ cause: Cause, _ detail: String) {
        self.cause = cause
        self.detail = detail
    }
}

/// An attempt under way.
public struct Run: Sendable, Hashable {
    public var since: Date
    /// Taken from the pool.
    public var threads: Int
    public var memory: Int
    public var stop: Stop?

    public init(since: Date, threads: Int, memory: Int, stop: Stop? = nil) {
        self.since = since
        self.threads = threads
        self.memory = memory
        self.stop = stop
    }
}

/// A request to end an attempt, and what becomes of the job then.
public struct Stop: Sendable, Hashable {
    /// From the weakest to the strongest; a stronger one replaces a weaker.
    public enum Cause: String, Sendable, Hashable, CaseIterable, Comparable {
        /// The daemon ends: back to the queue.
        case shutdown
        /// A job of higher priority waits: back to the queue.
        case preempted
        /// A user asked: back to the queue.
        case requeue
        case hold
        case timeLimit = "time_limit"
        case cancel

        /// What becomes of the job that runs.
        var detail: String {
            switch self {
            case .shutdown: "goes on when diffd runs again"
            case .preempted: "makes room for a job of higher priority"
            case .requeue: "goes back into the queue"
            case .hold: "is held when it has saved its state"
            case .timeLimit: "its time is up"
            case .cancel: "ends"
            }
        }

        private var strength: Int { Cause.allCases.firstIndex(of: self) ?? 0 }

        public static func < (a: Cause, b: Cause) -> Bool { a.strength < b.strength }
    }

    public var cause: Cause
    public var since: Date
    /// SIGTERM was not enough.
    public var killed: Bool

    public init(_ cause: Cause, since: Date, killed: Bool = false) {
        self.cause = cause
        self.since = since
        self.killed = killed
    }
}

public enum Ending: String, Sendable, Hashable, CaseIterable {
    case succeeded, failed, cancelled
}

extension JobRecord {
    public var state: JobState {
        switch phase {
        case .queued: .queued
        case .held: .held
        case .running(let run): run.stop?.cause == .cancel ? .cancelling : .running
        case .ended(.succeeded, _): .succeeded
        case .ended(.failed, _): .failed
        case .ended(.cancelled, _): .cancelled
        }
    }

    public var finishedAt: Date? {
        if case .ended(_, let date) = phase { date } else { nil }
    }

    /// The run under way, if any.
    public var run: Run? {
        if case .running(let run) = phase { run } else { nil }
    }

    /// The job as users see it. `wait` comes from `QueueState.wait(for:at:)`, `directory` is absolute.
    ///
    /// - Parameter progress: that of the attempt under way, if it has told of any.
    public func status(wait: Wait?, progress: JobProgress?, directory: String) -> JobStatus {
        let progress = run == nil ? self.progress : progress ?? self.progress
        let showsError =
            switch phase {
            case .ended(.failed, _), .held: true
            // The reason of the coming attempt.
            case .queued(let after): after != nil
            case .running, .ended: false
            }
        return JobStatus(
            id: id, name: name, kind: kind, state: state, reason: wait?.reason,
            detail: wait?.detail ?? run?.stop?.cause.detail,
            priority: priority,
            attempt: attempt, progress: progress, submittedAt: submittedAt, startedAt: startedAt,
            finishedAt: finishedAt,
            error: showsError ? error : nil, directory: directory, owner: owner, inputs: inputs, prompt: prompt)
    }
}
