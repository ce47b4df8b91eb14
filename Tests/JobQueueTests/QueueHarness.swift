import Foundation
import JobQueue
import JobSpec
import Problems

/// A queue with a clock of its own, and the workers that its effects imply.
struct QueueHarness {
    var state: QueueState
    var now = Date(timeIntervalSince1970: 1_000_000)
    /// Attempts whose worker lives, by job.
    var alive: [Int: Int] = [:]
    var ended: [Int: JobRecord] = [:]
    var lastEffects: [Effect] = []
    private var nextID = 1

    init(policy: QueuePolicy = QueuePolicy()) {
        state = QueueState(policy: policy)
    }

    mutating func apply(_ event: QueueEvent) throws {
        let transition = try state.apply(event, at: now)
        lastEffects = transition.effects
        for job in transition.saved {
            if case .ended = job.phase { ended[job.id] = job }
        }
        for case .start(let job, let attempt, _) in transition.effects { alive[job] = attempt }
    }

    /// Accepts a job; `change` sets what is not the default.
    @discardableResult
    mutating func add(_ change: (inout JobRecord) -> Void = { _ in }) throws -> Int {
        let id = nextID
        nextID += 1
        var job = JobRecord(
            id: id, name: "job\(id)", kind: .train, directory: String(format: "%06d-job%d", id, id), submittedAt: now)
        change(&job)
        let endings = job.waitsFor.reduce(into: [Int: Ending]()) { endings, dependency in
            if case .ended(let ending, _) = ended[dependency]?.phase { endings[dependency] = ending }
        }
        try apply(.accepted(job, ended: endings))
        return id
    }

    /// Ends the living worker of `job`.
    mutating func end(_ job: Int, _ end: AttemptEnd) throws {
        guard let attempt = alive.removeValue(forKey: job) else {
            throw Problem(.internal, "job \(job) has no worker")
        }
        try apply(.attemptEnded(job: job, attempt: attempt, end))
    }

    mutating func advance(_ seconds: Double) throws {
        now += seconds
        try apply(.tick)
    }

    func record(_ id: Int) throws -> JobRecord {
        guard let job = state.jobs[id] ?? ended[id] else { throw Problem(.missing, "job \(id) is lost") }
        return job
    }

    func state(of id: Int) throws -> JobState { try record(id).state }

    func reason(_ id: Int) -> WaitReason? { state.wait(for: id, at: now)?.reason }
}
