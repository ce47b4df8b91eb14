internal import DurableFiles
internal import Foundation
internal import JobSpec
internal import Problems
internal import StrictJSON
internal import Training

/// Turns what happens in a training into events and log lines.
final class TrainingReporter {
    private let context: JobContext
    private let clock = ContinuousClock()
    private var lastLine: ContinuousClock.Instant?

    init(_ context: JobContext) { self.context = context }

    func report(_ event: TrainingEvent) throws {
        switch event {
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
