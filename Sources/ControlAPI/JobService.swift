public import JobSpec
public import Problems

/// What the control server asks of the part of the daemon that keeps the jobs.
///
/// The server resolves references, asks `Permissions` whether the caller may, and only then calls a method that changes
/// something; a conforming type acts and need not check again. `caller` is passed on so that it can be recorded.
public protocol JobService: Sendable {
    /// The jobs that `filter` selects, by rising id.
    func list(_ filter: JobFilter) async throws(Problem) -> [JobStatus]

    /// The job that `reference` names; code `missing` when there is none.
    func job(_ reference: JobReference) async throws(Problem) -> JobStatus

    /// The job as understood: the bytes of its `job.json`.
    func specification(of id: Int) async throws(Problem) -> [UInt8]

    /// Accepts a job file exactly as the drop protocol does; on return the job is durable.
    ///
    /// Throws every problem of the job file at once.
    func submit(_ submission: Submission, by caller: Caller) async throws(Problems) -> JobStatus

    /// Carries out `change` and returns the job after it. A change that the job's state does not allow (holding a job that
    /// has ended) throws code `invalid`; one that is already in force succeeds.
    func change(_ id: Int, _ change: JobChange, by caller: Caller) async throws(Problem) -> JobStatus

    /// The drops that were refused of late, the newest last: at most `limit`, and with a `name` only those of that name, which is the drop's or
    /// its job's.
    func rejections(named name: String?, limit: Int) async -> [Rejection]

    /// Why the job is not running.
    func why(_ id: Int) async throws(Problem) -> WaitExplanation

    /// The part of the job's `log.txt` from byte `offset` on, at most `limit` bytes. An offset past the end gives no bytes.
    func log(of id: Int, from offset: Int, limit: Int) async throws(Problem) -> LogChunk

    /// Changes from now on, until the consumer stops iterating. The stream of a consumer that does not keep up ends with
    /// `JobEvents.Lost`: it should list again.
    ///
    /// - Parameter last: the number of the last event that the consumer has got; the changes of state after that come first.
    func events(after last: Int?) async -> JobEvents

    func health() async -> Health

    func metrics() async -> ServiceMetrics

    /// The published models, by name.
    func models() async throws(Problem) -> [ModelSummary]

    /// Drain starts no further job, resume ends a drain, reload reads the configuration again.
    func control(_ command: ServiceCommand, by caller: Caller) async throws(Problem)
}

/// Which jobs to list.
public struct JobFilter: Sendable, Hashable {
    /// Only jobs in one of these states.
    public var states: Set<JobState>
    /// Only jobs of this name.
    public var name: String?
    /// Only the newest (highest ids) of those selected.
    public var limit: Int?
    /// Only jobs with higher ids, and `limit` means the oldest of those: a page of a long list.
    public var after: Int?
    /// Of the queued, only so many: those that come first. Has no effect where finished jobs are asked for.
    public var next: Int?
    /// Only the job that the drop with this token has become, if it is among those selected.
    public var drop: String?

    public init(
        states: Set<JobState> = Set(JobState.allCases), name: String? = nil, limit: Int? = nil, next: Int? = nil,
        drop: String? = nil, after: Int? = nil
    ) {
        self.after = after
        self.next = next
        self.drop = drop
        self.states = states
        self.name = name
        self.limit = limit
    }
}

/// A job file that arrives through the socket rather than through `incoming/`.
public struct Submission: Sendable, Hashable {
    /// The file, byte for byte.
    public var bytes: [UInt8]
    /// The file's name without `.json`: the job's name unless the file gives one.
    public var suggestedName: String

    public init(bytes: [UInt8], suggestedName: String) {
        self.bytes = bytes
        self.suggestedName = suggestedName
    }
}

/// What a caller can do to a job.
public enum JobChange: Sendable, Hashable {
    /// Ends the job: at once when it waits, after its worker is gone when it runs.
    case cancel
    /// Keeps a waiting job from starting; a running one goes back to the queue at its next checkpoint and is held there.
    case hold
    /// Undoes `hold`, whoever or whatever held the job.
    case release
    /// Puts a job that has ended, or runs, back into the queue; it goes on from its newest checkpoint.
    case requeue
    /// Sets the priority; higher is first.
    case priority(Int)
}

/// What a caller can do to the daemon.
public enum ServiceCommand: String, Sendable, Hashable, CaseIterable {
    case drain, resume, reload
}

/// Changes of jobs as they come.
public struct JobEvents: Sendable {
    /// Why the stream of a consumer ends that was too far behind.
    public struct Lost: Error {
        public init() {}
    }

    public typealias Stream = AsyncThrowingStream<JobEvent, any Error>

    public var stream: Stream
    /// Nothing is missing but progress; otherwise the consumer has to list again what it follows.
    public var isComplete: Bool

    public init(_ stream: Stream, isComplete: Bool) {
        self.stream = stream
        self.isComplete = isComplete
    }
}

/// Part of a job's log.
public struct LogChunk: Sendable, Hashable {
    public var bytes: [UInt8]
    /// The offset to ask from next.
    public var nextOffset: Int
    /// The job has ended and `bytes` reach to the end of its log.
    public var isLast: Bool

    public init(bytes: [UInt8], nextOffset: Int, isLast: Bool) {
        self.bytes = bytes
        self.nextOffset = nextOffset
        self.isLast = isLast
    }
}
