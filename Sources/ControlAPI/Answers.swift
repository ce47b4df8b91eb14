public import Foundation
public import JobSpec
public import Problems

/// `GET /v1/jobs` and `diffctl status --json`.
public struct JobList: Sendable, Codable, Hashable {
    /// By rising id.
    public var jobs: [JobStatus]
    /// Drops that were refused of late; diffctl adds them.
    public var rejected: [Rejection]?

    /// Jobs that are read at a time. A longer list is sent page by page, each job as it is when its page is read.
    public static let pageSize = 1000

    public init(jobs: [JobStatus], rejected: [Rejection]? = nil) {
        self.jobs = jobs
        self.rejected = rejected
    }
}

/// `GET /v1/jobs/{job}/why`: why a job is not running.
public struct WaitExplanation: Sendable, Codable, Hashable {
    public var job: Int
    public var state: JobState
    /// Nil when the job does not wait.
    public var reason: WaitReason?
    /// A sentence for people.
    public var detail: String
    /// The jobs that it waits for.
    public var waitsFor: [Int]
    /// 1 for the job that starts next; nil unless queued.
    public var position: Int?
    /// When it should start, from measured rates; nil when not known.
    public var expectedStart: Date?

    enum CodingKeys: String, CodingKey {
        case job, state, reason, detail, position
        case waitsFor = "waits_for"
        case expectedStart = "expected_start"
    }

    public init(
        job: Int, state: JobState, reason: WaitReason? = nil, detail: String, waitsFor: [Int] = [],
        position: Int? = nil,
        expectedStart: Date? = nil
    ) {
        self.job = job
        self.state = state
        self.reason = reason
        self.detail = detail
        self.waitsFor = waitsFor
        self.position = position
        self.expectedStart = expectedStart
    }
}

/// One message of `GET /v1/events`.
public struct JobEvent: Sendable, Codable, Hashable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// The job is new, or its state, reason or priority has changed.
        case state
        /// Only its progress has changed.
        case progress
        /// A drop was refused: it has become no job.
        case rejected
    }

    /// Counts up by one with every event of this run of the daemon, and begins above all numbers of earlier ones.
    public var sequence: Int
    public var kind: Kind
    public var time: Date
    /// The job after the change; nil where there is none.
    public var job: JobStatus?
    /// The drop that was refused.
    public var rejection: Rejection?

    public init(sequence: Int, kind: Kind, time: Date, job: JobStatus) {
        self.sequence = sequence
        self.kind = kind
        self.time = time
        self.job = job
    }

    public init(sequence: Int, time: Date, rejection: Rejection) {
        self.sequence = sequence
        kind = .rejected
        self.time = time
        self.rejection = rejection
    }
}

/// `GET /v1/health`.
public struct Health: Sendable, Codable, Hashable {
    public enum Status: String, Sendable, Codable, CaseIterable {
        case ok
        /// Asked to start no further job.
        case draining
        /// No space: nothing is accepted or started until there is.
        case diskFull = "disk_full"
        /// On the way down.
        case stopping
    }

    public var status: Status
    public var version: String
    public var pid: Int32
    /// Absolute path of the spool.
    public var spool: String
    public var startedAt: Date
    /// How many jobs are queued.
    public var queued: Int
    public var held: Int
    /// Those that are being cancelled included.
    public var running: Int
    /// What in the spool cannot be used, read, moved or removed at this time: such as an entry of `incoming/` that can
    /// be neither taken in
    /// nor refused. It is tried again.
    public var troubles: [Problem]

    enum CodingKeys: String, CodingKey {
        case status, version, pid, spool, queued, held, running, troubles
        case startedAt = "started_at"
    }

    public init(
        status: Status, version: String, pid: Int32, spool: String, startedAt: Date, queued: Int, held: Int,
        running: Int, troubles: [Problem] = []
    ) {
        self.troubles = troubles
        self.status = status
        self.version = version
        self.pid = pid
        self.spool = spool
        self.startedAt = startedAt
        self.queued = queued
        self.held = held
        self.running = running
    }
}

/// A directory under `models/`.
public struct ModelSummary: Sendable, Codable, Hashable {
    public var name: String
    /// Absolute path of the model directory, links resolved.
    public var path: String
    /// The class in its `model_index.json`, or the architecture.
    public var architecture: String?
    /// The job that trained it; nil for a model that was put there by hand.
    public var job: Int?
    public var publishedAt: Date?
    public var bytes: Int
    /// The names of its classes, where it has them.
    public var classes: [String]?

    enum CodingKeys: String, CodingKey {
        case name, path, architecture, job, bytes, classes
        case publishedAt = "published_at"
    }

    public init(
        name: String, path: String, architecture: String? = nil, job: Int? = nil, publishedAt: Date? = nil, bytes: Int,
        classes: [String]? = nil
    ) {
        self.name = name
        self.path = path
        self.architecture = architecture
        self.job = job
        self.publishedAt = publishedAt
        self.bytes = bytes
        self.classes = classes
    }
}

/// `GET /v1/models`.
public struct ModelList: Sendable, Codable, Hashable {
    public var models: [ModelSummary]

    public init(models: [ModelSummary]) { self.models = models }
}

/// `POST /v1/jobs/{job}/priority`.
public struct PriorityRequest: Sendable, Codable, Hashable {
    public var priority: Int

    public init(priority: Int) { self.priority = priority }
}

/// What `/metrics` shows, read at one moment.
public struct ServiceMetrics: Sendable, Hashable {
    /// Jobs by state; a state that is absent has none.
    public var jobs: [JobState: Int]
    /// Waiting jobs by reason.
    public var waiting: [WaitReason: Int]
    /// Since the daemon started.
    public var jobsAccepted: Int
    public var jobsRejected: Int
    public var attemptsStarted: Int
    public var workerCrashes: Int
    /// Promised to running workers, and in all.
    public var threadsUsed: Int
    public var threadsTotal: Int
    public var memoryUsedBytes: Int
    public var memoryTotalBytes: Int
    /// Free where the spool lies.
    public var diskFreeBytes: Int
    public var startedAt: Date

    public init(
        jobs: [JobState: Int], waiting: [WaitReason: Int], jobsAccepted: Int, jobsRejected: Int, attemptsStarted: Int,
        workerCrashes: Int, threadsUsed: Int, threadsTotal: Int, memoryUsedBytes: Int, memoryTotalBytes: Int,
        diskFreeBytes: Int, startedAt: Date
    ) {
        self.jobs = jobs
        self.waiting = waiting
        self.jobsAccepted = jobsAccepted
        self.jobsRejected = jobsRejected
        self.attemptsStarted = attemptsStarted
        self.workerCrashes = workerCrashes
        self.threadsUsed = threadsUsed
        self.threadsTotal = threadsTotal
        self.memoryUsedBytes = memoryUsedBytes
        self.memoryTotalBytes = memoryTotalBytes
        self.diskFreeBytes = diskFreeBytes
        self.startedAt = startedAt
    }
}
