public import Foundation
public import Problems

/// Where a job stands. The store is the truth; `status.json` and the control API carry copies.
public enum JobState: String, Sendable, Codable, CaseIterable {
    case queued, held, running, cancelling, succeeded, failed, cancelled

    /// No further transition happens by itself.
    public var isFinal: Bool {
        switch self {
        case .succeeded, .failed, .cancelled: true
        case .queued, .held, .running, .cancelling: false
        }
    }
}

/// Why a job that is not running waits.
public enum WaitReason: String, Sendable, Codable, CaseIterable {
    case priority = "Priority"
    case resources = "Resources"
    case dependency = "Dependency"
    case dependencyFailed = "DependencyFailed"
    case held = "Held"
    case notBefore = "NotBefore"
    case diskFull = "DiskFull"
    case draining = "Draining"
}

/// How far a running job is. Written by the worker, at most once a second.
public struct JobProgress: Sendable, Codable, Hashable {
    public var step: Int
    public var totalSteps: Int
    /// `step / totalSteps`, in 0...1.
    public var fraction: Double
    public var stepsPerSecond: Double?
    public var etaSeconds: Double?
    /// The newest training loss; absent for other kinds.
    public var loss: Double?

    enum CodingKeys: String, CodingKey {
        case step
        case totalSteps = "total_steps"
        case fraction
        case stepsPerSecond = "steps_per_second"
        case etaSeconds = "eta_seconds"
        case loss
    }

    public init(
        step: Int, totalSteps: Int, stepsPerSecond: Double? = nil, etaSeconds: Double? = nil, loss: Double? = nil
    ) {
        self.step = step
        self.totalSteps = totalSteps
        self.fraction = totalSteps > 0 ? min(1, Double(step) / Double(totalSteps)) : 0
        self.stepsPerSecond = stepsPerSecond
        self.etaSeconds = etaSeconds
        self.loss = loss
    }
}

/// A job as `status.json`, `diffctl status --json` and the control API show it.
public struct JobStatus: Sendable, Codable, Hashable {
    public var id: Int
    public var name: String
    public var kind: JobKind
    public var state: JobState
    /// Why it waits; nil unless queued or held.
    public var reason: WaitReason?
    /// A sentence for people that belongs to `reason` ("crashed 3 times", "waits for job 41").
    public var detail: String?
    public var priority: Int
    /// Attempts begun so far; 0 before the first.
    public var attempt: Int
    public var progress: JobProgress?
    public var submittedAt: Date
    public var startedAt: Date?
    public var finishedAt: Date?
    /// When it should start and end, from the measured rates of steps; nil where that is not known. Of a job that runs only the
    /// end is told, and of neither in `status.json`, where it would grow old.
    public var expectedStart: Date?
    public var expectedEnd: Date?
    /// What went wrong; set for failed jobs and for jobs held after a failure.
    public var error: Problem?
    /// Absolute path of the job directory.
    public var directory: String
    /// The user who submitted the job.
    public var owner: String?
    /// What was dropped with the job in a directory, and what came for it later.
    public var inputs: TakenInputs?
    /// How the first prompt of a job with words begins.
    public var prompt: String?

    enum CodingKeys: String, CodingKey {
        case id, name, kind, state, reason, detail, priority, attempt, progress
        case submittedAt = "submitted_at"
        case startedAt = "started_at"
        case finishedAt = "finished_at"
        case expectedStart = "expected_start"
        case expectedEnd = "expected_end"
        case error, directory, owner, inputs, prompt
    }

    public init(
        id: Int, name: String, kind: JobKind, state: JobState, reason: WaitReason? = nil, detail: String? = nil,
        priority: Int = 0, attempt: Int = 0, progress: JobProgress? = nil, submittedAt: Date, startedAt: Date? = nil,
        finishedAt: Date? = nil, expectedStart: Date? = nil, expectedEnd: Date? = nil, error: Problem? = nil,
        directory: String, owner: String? = nil, inputs: TakenInputs? = nil, prompt: String? = nil
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.state = state
        self.reason = reason
        self.detail = detail
        self.priority = priority
        self.attempt = attempt
        self.progress = progress
        self.submittedAt = submittedAt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.expectedStart = expectedStart
        self.expectedEnd = expectedEnd
        self.error = error
        self.directory = directory
        self.owner = owner
        self.inputs = inputs
        self.prompt = prompt
    }

    /// Every key is written, unset ones as null, so that readers find the same keys in every state.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(name, forKey: .name)
        try container.encode(kind, forKey: .kind)
        try container.encode(state, forKey: .state)
        try container.encode(reason, forKey: .reason)
        try container.encode(detail, forKey: .detail)
        try container.encode(priority, forKey: .priority)
        try container.encode(attempt, forKey: .attempt)
        try container.encode(progress, forKey: .progress)
        try container.encode(submittedAt, forKey: .submittedAt)
        try container.encode(startedAt, forKey: .startedAt)
        try container.encode(finishedAt, forKey: .finishedAt)
        try container.encode(expectedStart, forKey: .expectedStart)
        try container.encode(expectedEnd, forKey: .expectedEnd)
        try container.encode(error, forKey: .error)
        try container.encode(directory, forKey: .directory)
        try container.encode(owner, forKey: .owner)
        try container.encode(inputs, forKey: .inputs)
        try container.encode(prompt, forKey: .prompt)
    }
}
