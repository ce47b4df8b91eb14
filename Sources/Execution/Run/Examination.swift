internal import Checkpoints
internal import Configurations
internal import JobSpec
internal import Models
internal import NeuralNet
internal import TensorCore

/// What is found of a job that is only looked at.
final class Examination {
    var outcome = JobExamination.Outcome()

    func note(_ pipeline: Pipeline) {
        let network = pipeline.configuration
        let parts = network.conditionParts
        var conditions: [String] = []
        if parts.contains(.text) { conditions.append("text") }
        if parts.contains(.classes) { conditions.append("classes") }
        if network.joinedChannels > 0 { conditions.append("image") }
        outcome.model = JobExamination.Model(
            family: pipeline.text?.pipeline.family.rawValue ?? network.className,
            parameters: network.makeModel(
                numTrainTimesteps: pipeline.scheduler.numTrainTimesteps, on: Worker.rehearsalDevice()
            ).parameterCount,
            conditions: conditions, path: pipeline.path)
    }

    /// - Parameters:
    ///   - count: of the job's steps.
    ///   - work: of one, as a rehearsal counts it.
    func note(steps count: Int, work: Int, on device: Device) {
        outcome.steps = count
        outcome.secondsPerStep = Double(work) * Self.secondsPerWork(device)
    }

    /// Measured on the feed-forward layer of a transformer, whose mixture of products and passes over memory is that of
    /// most networks.
    private static func secondsPerWork(_ device: Device) -> Double {
        func layer(on device: Device) -> () -> Void {
            let (rows, width) = (1024, 640)
            let x = Tensor.ones([rows, width], on: device)
            let (up, down) = (
                Tensor.zeros([4 * width, width], on: device), Tensor.zeros([width, 4 * width], on: device)
            )
            return { _ = x + x.linear(up).gelu().linear(down) }
        }
        let rehearsal = Worker.rehearsalDevice()
        layer(on: rehearsal)()
        let run = layer(on: device)
        run()
        // The best of some: others use the machine too.
        let best = (0..<8).map { _ in ContinuousClock().measure(run) }.min() ?? .zero
        return best / .seconds(1) / Double(rehearsal.rehearsedWork)
    }
}
