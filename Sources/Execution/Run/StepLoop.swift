internal import JobSpec
internal import StrictJSON

/// Work that is done step by step. Between any two steps it can be saved, and resumed later with the same bits.
///
/// Where a step is long, it looks for a stop request within, and throws `Stopped`. It is a value, and the loop returns to
/// the one from before the step; work that refers to an object which a step changes sees to that by itself.
protocol ResumableWork {
    /// The result of one step.
    associatedtype Step

    /// Steps done by all attempts together.
    var stepsDone: Int { get }
    var totalSteps: Int { get }
    /// Whether the state is to be saved from time to time; false for work that knows better when.
    var isSavedByTime: Bool { get }

    /// Takes the next step.
    ///
    /// - Returns: nil where none was completed: the work returned to an earlier state.
    /// - Throws: `Stopped` where a stop request came within the step.
    mutating func step() throws -> Step?

    /// Writes and reports what a step has given. What it has written when it throws `Stopped`, it writes again.
    mutating func finish(_ step: Step) throws -> StepOutcome

    /// Saves the state, durably.
    mutating func save() throws
}

extension ResumableWork {
    var isSavedByTime: Bool { true }
}

/// What the loop needs to know of a step that was taken.
struct StepOutcome {
    /// Whether the state must be saved before the next step: something is complete that must not be made twice.
    var savesNow = false
    /// Shown with the progress.
    var loss: Double?
}

/// The loop of everything that goes step by step: it asks before each step whether to stop, saves the state from time
/// to time, and reports how far the job is.
final class StepLoop {
    /// Between two steps the state is saved at most this often.
    private static let saveInterval = Duration.seconds(20)

    private let context: JobContext
    private let clock = ContinuousClock()
    private var meter: RateMeter
    private var progress: JobProgress
    /// Steps that this attempt has taken.
    private(set) var stepsTaken = 0
    /// Seconds that they took; what `finish` and `save` take is not counted.
    private(set) var secondsTaken = 0.0

    /// Reports that the job begins or resumes.
    ///
    /// - Parameters:
    ///   - total: steps of all the job's work.
    ///   - done: those that earlier attempts have taken.
    ///   - beginning: the line of the log that says what a job that begins will do.
    init(_ context: JobContext, total: Int, done: Int, beginning: String?) throws {
        self.context = context
        meter = RateMeter(step: done)
        progress = JobProgress(step: done, totalSteps: total)
        if let line = done > 0 ? "resuming after step \(done) of \(total)" : beginning { context.log(line) }
        try context.event(
            "started", ["step": JSONNode(.integer(done)), "total_steps": JSONNode(.integer(total))])
        try context.progress(progress, force: true)
    }

    /// Takes the steps of `work` that are left; a job may consist of several works, one after the other.
    ///
    /// - Returns: false when it was asked to stop; the state is then saved.
    func run(_ work: inout some ResumableWork) throws -> Bool {
        // Steps of the job's other works.
        let others = progress.step - work.stepsDone
        var saved = clock.now
        while work.stepsDone < work.totalSteps {
            let before = work
            let outcome: StepOutcome
            do {
                try context.stop.check()
                let began = clock.now
                guard let step = try work.step() else { continue }
                let seconds = began.duration(to: clock.now) / .seconds(1)
                outcome = try work.finish(step)
                secondsTaken += seconds
                stepsTaken += 1
            } catch is Stopped {
                work = before
                try work.save()
                return false
            }
            if outcome.savesNow || work.isSavedByTime && saved.duration(to: clock.now) > Self.saveInterval {
                try work.save()
                saved = clock.now
            }
            try report(done: others + work.stepsDone, loss: outcome.loss)
        }
        return true
    }

    private func report(done: Int, loss: Double?) throws {
        let rate = meter.note(step: done)
        let total = progress.totalSteps
        progress = JobProgress(
            step: done, totalSteps: total, stepsPerSecond: rate, etaSeconds: rate.map { Double(total - done) / $0 },
            loss: loss)
        try context.progress(progress, force: done == total)
    }
}
