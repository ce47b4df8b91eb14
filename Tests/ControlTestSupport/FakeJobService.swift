public import ControlAPI
import Foundation
public import JobSpec
public import Problems

/// A job service in memory: jobs are what a test puts in, and change as the verbs say.
public actor FakeJobService: JobService {
    public private(set) var jobs: [Int: JobStatus] = [:]
    public private(set) var callers: [Caller] = []
    public private(set) var commands: [ServiceCommand] = []
    private var logs: [Int: [UInt8]] = [:]
    private var drops: [Int: String] = [:]
    private var listeners: [Int: JobEvents.Stream.Continuation] = [:]
    private var nextListener = 0
    private var sent: [JobEvent] = []
    private var sequence: Int { sent.count }
    /// Absolute path that health tells.
    private let spool: String

    public init(spool: String = "/var/spool/diffd") { self.spool = spool }

    /// Adds or replaces a job, which has come in by a drop with that token, and tells the listeners.
    public func put(_ job: JobStatus, drop: String? = nil) {
        jobs[job.id] = job
        drops[job.id] = drop ?? drops[job.id]
        let event = JobEvent(sequence: sequence + 1, kind: .state, time: job.submittedAt, job: job)
        sent.append(event)
        for listener in listeners.values { listener.yield(event) }
    }

    public private(set) var refused: [Rejection] = []

    /// A drop is refused, and the listeners hear of it.
    public func reject(_ rejection: Rejection) {
        refused.append(rejection)
        let event = JobEvent(sequence: sequence + 1, time: rejection.rejectedAt, rejection: rejection)
        sent.append(event)
        for listener in listeners.values { listener.yield(event) }
    }

    public func rejections(named name: String?, limit: Int) -> [Rejection] {
        refused.filter { name == nil || $0.name == name || $0.job == name }.suffix(limit)
    }

    public func appendLog(_ text: String, to id: Int) { logs[id, default: []] += Array(text.utf8) }

    public var listenerCount: Int { listeners.count }

    /// Ends all event streams, as a daemon does that stops.
    public func endStreams() {
        for listener in listeners.values { listener.finish() }
    }

    /// Jobs of the longest list that was asked for.
    public private(set) var longestList = 0

    public func list(_ filter: JobFilter) throws(Problem) -> [JobStatus] {
        let found = jobs.values.filter { filter.states.contains($0.state) && (filter.name ?? $0.name) == $0.name }
            .filter { filter.drop == nil || drops[$0.id] == filter.drop }
            .filter { $0.id > filter.after ?? .min }
            .sorted { $0.id < $1.id }
            .reduce(into: [JobStatus]()) { found, job in
                let queued = found.count { $0.state == .queued }
                if job.state != .queued || queued < filter.next ?? .max { found.append(job) }
            }
        let count = filter.limit ?? found.count
        let listed = Array(filter.after == nil ? found.suffix(count) : found.prefix(count))
        longestList = max(longestList, listed.count)
        return listed
    }

    public func job(_ reference: JobReference) throws(Problem) -> JobStatus {
        let found =
            switch reference {
            case .id(let id): jobs[id]
            case .name(let name): jobs.values.filter { $0.name == name }.max { $0.id < $1.id }
            }
        guard let found else { throw Problem(.missing, "there is no job '\(reference)'", remedy: "See: diffctl list") }
        return found
    }

    public func specification(of id: Int) throws(Problem) -> [UInt8] {
        Array("{\"kind\": \"\(try job(.id(id)).kind.rawValue)\"}\n".utf8)
    }

    public func submit(_ submission: Submission, by caller: Caller) throws(Problems) -> JobStatus {
        callers.append(caller)
        let text = String(decoding: submission.bytes, as: UTF8.self)
        if text.contains("disk") { throw Problems([Problem(.diskFull, "no space is left")]) }
        guard text.contains("\"kind\"") else {
            throw Problems([
                Problem(.invalid, "the key is unknown", remedy: "Remove it.", path: "$.a", line: 1, column: 2),
                Problem(.missing, "the key \"kind\" is missing", path: "$", line: 1, column: 1),
            ])
        }
        let id = (jobs.keys.max() ?? 0) + 1
        let job = JobStatus(
            id: id, name: submission.suggestedName, kind: .train, state: .queued, reason: .priority,
            submittedAt: Date(timeIntervalSince1970: 1_700_000_000), directory: "\(spool)/jobs/\(id)",
            owner: caller.ownerName)
        put(job)
        return job
    }

    public func change(_ id: Int, _ change: JobChange, by caller: Caller) throws(Problem) -> JobStatus {
        callers.append(caller)
        var job = try job(.id(id))
        guard !job.state.isFinal || change == .requeue else {
            throw Problem(.invalid, "job \(id) has ended", remedy: "Put it back with: diffctl requeue \(id)")
        }
        switch change {
        case .cancel: job.state = .cancelled
        case .hold: (job.state, job.reason) = (.held, .held)
        case .release, .requeue: (job.state, job.reason) = (.queued, .priority)
        case .priority(let value): job.priority = value
        }
        put(job)
        return job
    }

    public func why(_ id: Int) throws(Problem) -> WaitExplanation {
        let job = try job(.id(id))
        return WaitExplanation(
            job: id, state: job.state, reason: job.reason, detail: "waits for job 1", waitsFor: [1], position: 2)
    }

    public func log(of id: Int, from offset: Int, limit: Int) throws(Problem) -> LogChunk {
        let job = try job(.id(id))
        let log = logs[id] ?? []
        let start = min(offset, log.count)
        let end = min(log.count, start + limit)
        return LogChunk(bytes: Array(log[start..<end]), nextOffset: end, isLast: job.state.isFinal && end == log.count)
    }

    public func events(after last: Int?) -> JobEvents {
        let (stream, continuation) = JobEvents.Stream.makeStream(bufferingPolicy: .bufferingOldest(256))
        let listener = nextListener
        nextListener += 1
        listeners[listener] = continuation
        continuation.onTermination = { _ in Task { await self.forget(listener) } }
        guard let last else { return JobEvents(stream, isComplete: true) }
        guard (0...sequence).contains(last) else { return JobEvents(stream, isComplete: false) }
        for event in sent[last...] { continuation.yield(event) }
        return JobEvents(stream, isComplete: true)
    }

    private func forget(_ listener: Int) { listeners[listener] = nil }

    public func health() -> Health {
        Health(
            status: commands.last == .drain ? .draining : .ok, version: "9.9", pid: 4711, spool: spool,
            startedAt: Date(timeIntervalSince1970: 1_700_000_000),
            queued: jobs.values.count { $0.state == .queued }, held: jobs.values.count { $0.state == .held },
            running: jobs.values.count { $0.state == .running })
    }

    public func metrics() -> ServiceMetrics {
        ServiceMetrics(
            jobs: Dictionary(grouping: jobs.values, by: \.state).mapValues(\.count), waiting: [.priority: 3],
            jobsAccepted: 12, jobsRejected: 1, attemptsStarted: 13, workerCrashes: 2, threadsUsed: 2, threadsTotal: 4,
            memoryUsedBytes: 1 << 30, memoryTotalBytes: 1 << 33, diskFreeBytes: 1 << 40,
            startedAt: Date(timeIntervalSince1970: 1_700_000_000))
    }

    public func models() throws(Problem) -> [ModelSummary] {
        [
            ModelSummary(
                name: "shirts", path: "/var/spool/diffd/jobs/000001-shirts/model", architecture: "unet2d", job: 1,
                bytes: 4096)
        ]
    }

    public func control(_ command: ServiceCommand, by caller: Caller) throws(Problem) {
        callers.append(caller)
        commands.append(command)
    }
}

extension JobStatus {
    /// A job for tests; what a test does not care about is filled in.
    public static func example(
        _ id: Int, _ name: String, _ state: JobState, reason: WaitReason? = nil, progress: JobProgress? = nil,
        owner: String? = "alice", error: Problem? = nil
    ) -> JobStatus {
        let began = Date(timeIntervalSince1970: 1_700_000_000)
        return JobStatus(
            id: id, name: name, kind: .train, state: state, reason: reason, attempt: state == .queued ? 0 : 1,
            progress: progress, submittedAt: began, startedAt: state == .queued ? nil : began + 5,
            finishedAt: state.isFinal ? began + 65 : nil, error: error, directory: "/var/spool/diffd/jobs/\(id)",
            owner: owner)
    }
}
