import Foundation

/// The rules by which jobs are chosen, stopped and tried again.
public struct QueuePolicy: Sendable, Hashable {
    /// Workers at one time.
    public var maxWorkers: Int
    /// Threads of all workers together.
    public var threads: Int
    /// Bytes of all workers together; nil takes no account of memory.
    public var memory: Int?
    /// Seconds from SIGTERM to SIGKILL for a job that is cancelled.
    public var killWait: Double
    /// The same for a job that shall go on later, so that it can finish its step and write a checkpoint.
    public var checkpointWait: Double
    /// A job whose workers died so often is held.
    public var crashLimit: Int
    /// Seconds to the second attempt after a failure; doubled with each further one.
    public var retryBackoff: Double
    public var longestBackoff: Double
    /// A job that has waited so many seconds is not passed by smaller ones any more.
    public var starvationLimit: Double
    /// Whether a job makes running ones of lower priority checkpoint and give way.
    public var preempt: Bool

    public init(
        maxWorkers: Int = 1, threads: Int = 1, memory: Int? = nil, killWait: Double = 30, checkpointWait: Double = 300,
        crashLimit: Int = 3, retryBackoff: Double = 5, longestBackoff: Double = 600, starvationLimit: Double = 3600,
        preempt: Bool = false
    ) {
        self.maxWorkers = maxWorkers
        self.threads = threads
        self.memory = memory
        self.killWait = killWait
        self.checkpointWait = checkpointWait
        self.crashLimit = crashLimit
        self.retryBackoff = retryBackoff
        self.longestBackoff = longestBackoff
        self.starvationLimit = starvationLimit
        self.preempt = preempt
    }

    /// Seconds to wait after the `count`-th failure in a row.
    func backoff(_ count: Int) -> Double {
        min(longestBackoff, retryBackoff * exp2(Double(min(max(count, 1), 30) - 1)))
    }

    func patience(for cause: Stop.Cause) -> Double {
        cause == .cancel ? killWait : checkpointWait
    }

    /// What a job takes from the pool while it runs. A request for more than there is counts as the whole pool: such a job
    /// runs alone.
    func demand(of job: JobRecord) -> (threads: Int, memory: Int) {
        let share = max(1, threads / max(1, maxWorkers))
        return (max(1, min(job.threads ?? share, threads)), min(job.memory ?? 0, memory ?? 0))
    }
}
