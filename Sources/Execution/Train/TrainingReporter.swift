internal import DurableFiles
internal import Foundation
internal import JobSpec
internal import Problems
internal import StrictJSON
internal import Training

/// Turns what a training tells into events, log lines and progress.
final class TrainingReporter {
    private let context: JobContext
    private let clock = ContinuousClock()
    private var meter = RateMeter(step: 0)
    private var began: ContinuousClock.Instant?
    private var newest: ContinuousClock.Instant?
    private var lastLine: ContinuousClock.Instant?

    init(_ context: JobContext) { self.context = context }

    /// Steps of this attempt.
    private(set) var stepsTaken = 0
    /// From the first step of this attempt to its newest, with all that happened in between.
    var secondsTaken: Double {
        guard let began, let newest else { return 0 }
        return began.duration(to: newest) / .seconds(1)
    }

    func report(_ event: TrainingEvent) throws {
        switch event {
        case .began(let step, let total):
            began = clock.now
            meter = RateMeter(step: step)
            context.log(step == 0 ? "training for \(total) steps" : "resuming at step \(step) of \(total)")
            try context.event("started", ["step": JSONNode(.integer(step)), "total_steps": JSONNode(.integer(total))])
            try context.progress(JobProgress(step: step, totalSteps: total), force: true)
        case .step(let report):
            newest = clock.now
            stepsTaken += 1
            let rate = meter.note(step: report.step)
            try context.progress(
                JobProgress(
                    step: report.step, totalSteps: report.total, stepsPerSecond: rate,
                    etaSeconds: rate.map { Double(report.total - report.step) / $0 }, loss: report.loss),
                force: report.step == report.total)
        case .logged(let report, let mean):
            try context.event(
                "loss",
                [
                    "step": JSONNode(.integer(report.step)), "loss": JSONNode(.number(mean)),
                    "gradient_norm": JSONNode(.number(report.gradientNorm)),
                    "learning_rate": JSONNode(.number(report.learningRate)),
                ])
            logLine(report, mean)
        case .validation(let step, let loss):
            try context.event("validation", ["step": JSONNode(.integer(step)), "loss": JSONNode(.number(loss))])
            context.log("step \(step): validation loss \(loss.formatted(.number.precision(.significantDigits(4))))")
        case .checkpoint(let step, let path):
            try context.event(
                "checkpoint",
                ["step": JSONNode(.integer(step)), "file": JSONNode(.string("checkpoints/\(Path.name(path))"))])
        case .damagedCheckpoint(let problem):
            context.log("warning: \(problem)")
            try context.event("damaged_checkpoint", ["problem": JSONNode(.string(problem.description))])
        case .recovered(let step, let resumed, let scale, let reason):
            context.log("after step \(step) \(reason): back to step \(resumed) with \(scale) times the learning rate")
            try context.event(
                "recovered",
                [
                    "step": JSONNode(.integer(step)), "resumed_step": JSONNode(.integer(resumed)),
                    "learning_rate_scale": JSONNode(.number(scale)), "reason": JSONNode(.string(reason)),
                ])
        }
    }

    /// For people: at most one line in two seconds, and the last.
    private func logLine(_ report: StepReport, _ mean: Double) {
        if let lastLine, lastLine.duration(to: clock.now) < .seconds(2), report.step < report.total { return }
        lastLine = clock.now
        context.log(
            "step \(report.step) of \(report.total): loss \(mean.formatted(.number.precision(.significantDigits(4))))")
    }
}
