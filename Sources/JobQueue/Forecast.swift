public import Foundation

/// When jobs should start and end: the queue itself, run ahead in a copy in which each attempt ends when its work should be done.
public struct Forecast: Sendable, Hashable {
    public struct Times: Sendable, Hashable {
        public var start: Date
        /// Nil when nobody knows how long the job takes.
        public var end: Date?
    }

    /// By job. One is missing when its start depends on something of which nobody knows when it comes, or lies beyond the horizon.
    public let times: [Int: Times]

    /// - Parameters:
    ///   - horizon: how many starts are looked ahead.
    ///   - secondsLeft: how long a job would run from now on; nil where that is not known.
    public init(_ state: QueueState, at now: Date, horizon: Int = 1000, secondsLeft: (JobRecord) -> Double?) {
        var course = Course(state: state, clock: now, horizon: horizon)
        course.run(secondsLeft)
        times = course.times
    }
}

/// The copy of the queue, and the time in it.
private struct Course {
    var state: QueueState
    var clock: Date
    let horizon: Int
    var times: [Int: Forecast.Times] = [:]
    /// When the attempts under way end, where that is known.
    private var ends: [Int: (attempt: Int, at: Date)] = [:]
    /// Seconds that a job which had to give way still needs.
    private var left: [Int: Double] = [:]

    init(state: QueueState, clock: Date, horizon: Int) {
        self.state = state
        self.clock = clock
        self.horizon = horizon
    }

    mutating func run(_ secondsLeft: (JobRecord) -> Double?) {
        for job in state.runningJobs {
            begin(job, at: job.run?.since ?? clock, secondsLeft)
            if job.run?.stop != nil { giveWay(job.id, job.attempt, secondsLeft) }
        }
        var wakes = state.wakeTimes(after: clock)[...]
        apply(.tick, secondsLeft)
        while times.count < horizon {
            let end = ends.min { ($0.value.at, $0.key) < ($1.value.at, $1.key) }
            guard let next = [end?.value.at, wakes.first].compactMap(\.self).min() else { return }
            clock = max(clock, next)
            if let end, end.value.at == next {
                ends[end.key] = nil
                apply(.attemptEnded(job: end.key, attempt: end.value.attempt, .succeeded), secondsLeft)
            } else {
                wakes = wakes.drop { $0 <= next }
                apply(.tick, secondsLeft)
            }
        }
    }

    private mutating func apply(_ event: QueueEvent, _ secondsLeft: (JobRecord) -> Double?) {
        // What is sent here is never refused: ends and ticks are not requests.
        guard let transition = try? state.apply(event, at: clock) else { return }
        for effect in transition.effects {
            switch effect {
            case .start(let id, _, _): if let job = state.jobs[id] { begin(job, at: clock, secondsLeft) }
            case .terminate(let id, let attempt), .kill(let id, let attempt): giveWay(id, attempt, secondsLeft)
            }
        }
    }

    private mutating func begin(_ job: JobRecord, at start: Date, _ secondsLeft: (JobRecord) -> Double?) {
        let seconds = left[job.id] ?? secondsLeft(job)
        let end = seconds.map { clock + max(0, $0) }
        times[job.id] = Forecast.Times(start: times[job.id]?.start ?? start, end: end)
        ends[job.id] = end.map { (job.attempt, $0) }
    }

    /// An attempt that is asked to end does so at once.
    private mutating func giveWay(_ id: Int, _ attempt: Int, _ secondsLeft: (JobRecord) -> Double?) {
        left[id] = ends.removeValue(forKey: id).map { $0.at.timeIntervalSince(clock) }
        apply(.attemptEnded(job: id, attempt: attempt, .checkpointed), secondsLeft)
    }
}
