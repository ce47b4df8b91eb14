internal import Checkpoints
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
        case .logged(let report, let means):
            try context.event(
                "loss",
                [
                    .init("step", JSONNode(.integer(report.step))), .init("loss", JSONNode(.number(means[0].value))),
                    .init("gradient_norm", JSONNode(.number(report.gradientNorm))),
                    .init("learning_rate", JSONNode(.number(report.learningRate))),
                ] + others(means))
            logLine(report, means)
        case .validation(let step, let losses):
            try context.event(
                "validation",
                [.init("step", JSONNode(.integer(step))), .init("loss", JSONNode(.number(losses[0].value)))]
                    + others(losses))
            context.log("step \(step): validation loss \(text(losses[0].value))")
        case .checkpoint(let step, let path):
            try context.event(
                "checkpoint",
                ["step": JSONNode(.integer(step)), "file": JSONNode(.string("checkpoints/\(Path.name(path))"))])
        case .damagedCheckpoint(let problem):
            context.log("warning: \(problem)")
            try context.event("damaged_checkpoint", ["problem": JSONNode(.string(problem.description))])
        case .outdatedCheckpoint(let problem):
            context.log("note: \(problem.message); the training begins anew")
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

    /// All losses by name, where there are others beside the one that is minimized.
    private func others(_ losses: [NamedLoss]) -> [JSONNode.Member] {
        guard losses.count > 1 else { return [] }
        let members = losses.map { JSONNode.Member($0.name, JSONNode(.number($0.value))) }
        return [.init("losses", JSONNode(.object(members)))]
    }

    /// For people: at most one line in two seconds, and the last.
    private func logLine(_ report: StepReport, _ means: [NamedLoss]) {
        if let lastLine, lastLine.duration(to: clock.now) < .seconds(2), report.step < report.total { return }
        lastLine = clock.now
        let losses = means.map { "\($0.name) \(text($0.value))" }.joined(separator: ", ")
        context.log("step \(report.step) of \(report.total): \(losses)")
    }

    private func text(_ value: Double) -> String { value.formatted(.number.precision(.significantDigits(4))) }
}
