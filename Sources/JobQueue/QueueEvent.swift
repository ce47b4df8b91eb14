public import JobSpec
public import Problems

/// Something that happens to the queue.
public enum QueueEvent: Sendable, Hashable {
    /// A new job. `ended` says how those of its `waitsFor` ended that have.
    case accepted(JobRecord, ended: [Int: Ending])
    /// An attempt is over. `progress` is how far it has come, if it told of any.
    case attemptEnded(job: Int, attempt: Int, AttemptEnd, progress: JobProgress? = nil)
    case cancel(job: Int)
    /// `by` is the user who asked.
    case hold(job: Int, by: String)
    case release(job: Int)
    /// Back to the queue: a running job by way of a checkpoint.
    case requeue(job: Int)
    /// A job that had ended, back to the queue.
    case readmitted(JobRecord)
    case priority(job: Int, Int)
    /// The job's directory turned out to be unusable.
    case broken(job: Int, Problem)
    case diskFull(Bool)
    case draining(Bool)
    case policy(QueuePolicy)
    /// The daemon is about to end.
    case stopping
    /// All is known after a start. The signals of attempts that are being stopped may have been lost with an earlier daemon.
    case recovered
    /// Time has passed.
    case tick
}

/// How an attempt ended.
public enum AttemptEnd: Sendable, Hashable {
    case succeeded
    /// The worker gave up and said why. `peakMemory` in bytes.
    case failed(Problem, peakMemory: Int?)
    /// The worker was asked to stop and has saved its state.
    case checkpointed
    /// The worker died without a result; how, for people ("signal 11").
    case crashed(String)
    /// The machine went down under it.
    case lost
    /// No worker could be started.
    case notStarted(Problem)
}

/// What an event changes. `saved` goes to the store in one transaction; only then are the effects carried out.
public struct Transition: Sendable, Hashable {
    /// The jobs that changed, by rising id.
    public var saved: [JobRecord] = []
    public var effects: [Effect] = []

    public init(saved: [JobRecord] = [], effects: [Effect] = []) {
        self.saved = saved
        self.effects = effects
    }
}

public enum Effect: Sendable, Hashable {
    case start(job: Int, attempt: Int, threads: Int)
    /// SIGTERM: finish the step, save the state, exit.
    case terminate(job: Int, attempt: Int)
    /// SIGKILL.
    case kill(job: Int, attempt: Int)
}
