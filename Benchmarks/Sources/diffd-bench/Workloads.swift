internal import Configurations
internal import Diffusion
internal import Models
internal import NeuralNet
internal import Problems
internal import Safetensors
internal import Sampling
internal import TensorCore

/// One forward pass.
final class ForwardWorkload: Workload {
    let specification: Case
    private let model: any Denoiser
    private let inputs: Inputs
    private let x: Tensor
    private let timesteps: [Float]

    var device: Device { inputs.device }

    init(_ specification: Case, _ model: any Denoiser, _ inputs: Inputs) {
        self.specification = specification
        self.model = model
        self.inputs = inputs
        x = inputs.random(.initialNoise)
        timesteps = (0..<specification.batch).map { Float($0 * 37 % specification.timesteps) }
    }

    func run(_ steps: Int) {
        for _ in 0..<steps { _ = model(x, timesteps: timesteps, condition: inputs.condition) }
    }

    func errors(in directory: String) throws -> [String: Double] {
        let exchange = try Exchange(directory)
        let x = inputs.tensor(try exchange.inputs.floats("x"))
        let timesteps = try exchange.inputs.integers("timesteps").map(Float.init)
        let output = inputs.fileOrder(model(x, timesteps: timesteps, condition: inputs.condition))
        return ["output": try exchange.error(output, "output")]
    }
}

/// A DDPM sampling of points or images (Ho et al. 2020, algorithm 2, sigma^2 = beta).
final class SamplingWorkload: Workload {
    let specification: Case
    private let model: any Denoiser
    private let inputs: Inputs
    private let plan: SamplingPlan

    var device: Device { inputs.device }

    init(_ specification: Case, _ model: any Denoiser, _ inputs: Inputs) throws {
        self.specification = specification
        self.model = model
        self.inputs = inputs
        var scheduler = SchedulerConfiguration()
        scheduler.numTrainTimesteps = specification.timesteps
        scheduler.varianceType = .fixedLarge
        scheduler.clipSample = false
        plan = SamplingPlan(
            sampler: try DDPMSampler(
                schedule: NoiseSchedule(scheduler), configuration: scheduler, count: specification.timesteps),
            sampleShape: Array(inputs.shape).dropFirst().map(\.self), count: specification.batch,
            batchSize: specification.batch)
    }

    func run(_ steps: Int) {
        var sampling = SamplingRun(plan, model, from: SamplingCursor(noise: .philox(seed: 1)), on: device)
        for _ in 0..<steps {
            // Only reading pictures to edit can fail, and there are none.
            guard (try? sampling.step()) != nil else { return }
        }
    }

    func errors(in directory: String) throws -> [String: Double] {
        let exchange = try Exchange(directory)
        let seed = UInt64(try exchange.inputs.integers("seed")[0])
        var sampling = SamplingRun(plan, model, from: SamplingCursor(noise: .torch(seed: seed)), on: device)
        while let progress = try sampling.step() {
            guard case .finished(_, let x) = progress else { continue }
            return ["output": try exchange.error(inputs.fileOrder(x), "output")]
        }
        throw Problem(.internal, "the sampling of \(specification.name) came to no end")
    }
}
