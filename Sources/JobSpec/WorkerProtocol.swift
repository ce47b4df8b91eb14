public import Problems

/// How the daemon and a worker speak: through files in the job directory, so that either may die and be replaced.
///
/// - `lock`: flock'ed by the worker for its whole life; the kernel drops the lock when the process dies. Its content is a
///   `WorkerIdentity`.
/// - `progress`: a `JobProgress`, replaced by rename at most once a second, not synced.
/// - `result(attempt)`: a `WorkerResult`, written durably as the worker's last act. No result and no lock: it crashed.
public enum WorkerFiles {
    public static let lock = ".lock"
    public static let progress = ".progress.json"
    public static func result(attempt: Int) -> String { ".result-\(attempt).json" }
}

/// Who holds a job directory's lock.
public struct WorkerIdentity: Sendable, Codable, Hashable {
    public var pid: Int32
    public var attempt: Int

    public init(pid: Int32, attempt: Int) {
        self.pid = pid
        self.attempt = attempt
    }
}

/// How an attempt ended.
public struct WorkerResult: Sendable, Codable, Hashable {
    public enum Outcome: String, Sendable, Codable {
        case succeeded
        /// `problem` says why.
        case failed
        /// Asked to stop (SIGTERM): the state is saved, start me again.
        case checkpointed
    }

    public var attempt: Int
    public var outcome: Outcome
    public var problem: Problem?
    /// Largest resident set of the worker in bytes.
    public var peakMemory: Int?

    enum CodingKeys: String, CodingKey {
        case attempt, outcome, problem
        case peakMemory = "peak_memory"
    }

    public init(attempt: Int, outcome: Outcome, problem: Problem? = nil, peakMemory: Int? = nil) {
        self.attempt = attempt
        self.outcome = outcome
        self.problem = problem
        self.peakMemory = peakMemory
    }
}

/// Exit statuses of `diffd-worker`, after sysexits.h where it has one.
public enum WorkerExit {
    public static let succeeded: Int32 = 0
    public static let failed: Int32 = 1
    public static let badInput: Int32 = 65
    /// Stopped on request with its state saved: start it again.
    public static let checkpointed: Int32 = 85
    /// The operating system had no more memory; there is no result.
    public static let outOfMemory: Int32 = 86
    /// The disk was full, so that not even a result could be written.
    public static let diskFull: Int32 = 87
}
