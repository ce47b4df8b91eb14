import Checkpoints
import Configurations
import Datasets
import Diffusion
import DurableFiles
import Models
import NeuralNet
import Problems
import TensorCore
import Training

/// A training that takes a second or less, in a directory of its own.
struct TrainingRig {
    var model: ModelConfiguration
    var dataset: SyntheticDatasetConfiguration
    var plan: TrainingPlan
    var optimization: Optimization
    var classDropout = 0.0
    /// How many of the newest states stay.
    var keep = 2
    var scheduler = SchedulerConfiguration()
    var threads = 1
    /// Stands between the trainer and the network.
    var wrap: (any Denoiser) -> any Denoiser = { $0 }

    var steps: Int {
        get { plan.steps }
        set { plan.steps = newValue }
    }

    /// Points through an MLP: warm-up, cosine, clipping, averaging, validation.
    static var mlp: TrainingRig {
        var dataset = SyntheticDatasetConfiguration()
        dataset.count = 120
        dataset.validationSplit = .count(20)
        var plan = TrainingPlan(steps: 22, seed: 7)
        plan.batchSize = 10
        plan.checkpointEvery = 5
        plan.validationEvery = 4
        plan.validationBatches = 2
        plan.logEvery = 3
        let optimization = Optimization(
            .adam(Adam()), learningRate: 3e-3, learningRateShape: .cosine, warmupSteps: 3, maxGradientNorm: 1,
            averageDecay: 0.9)
        var rig = TrainingRig(
            model: ModelConfiguration(MLPConfiguration(dataDimension: 2, hiddenSize: 24, hiddenLayers: 2)),
            dataset: dataset,
            plan: plan, optimization: optimization)
        rig.scheduler.numTrainTimesteps = 50
        return rig
    }

    /// Pictures through a class-conditional U-Net with dropout; each step accumulates two batches.
    static var unet2d: TrainingRig {
        var unet = UNet2DConfiguration()
        unet.sampleSize = ImageSize(8)
        unet.blockOutChannels = [8, 16]
        unet.downBlockTypes = [.plain, .attention]
        unet.upBlockTypes = [.attention, .plain]
        unet.layersPerBlock = 1
        unet.normNumGroups = 4
        unet.dropout = 0.1
        unet.numClassEmbeds = 3
        var rig = mlp
        rig.model = ModelConfiguration(unet)
        rig.dataset.name = .shapes
        rig.dataset.count = 40
        rig.dataset.images = ImageOptions(resolution: 8, channels: 3, horizontalFlip: true)
        rig.dataset.validationSplit = .count(6)
        rig.plan.batchSize = 4
        rig.plan.accumulation = 2
        rig.optimization.rule = .adam(Adam(weightDecay: 0.01, isDecoupled: true))
        rig.steps = 12
        return rig
    }

    func store(_ directory: String) -> TrainingStateStore {
        TrainingStateStore(
            Path.join(directory, "checkpoints"), fingerprint: "a", keep: keep)
    }

    func makeModel(on device: Device) -> any Denoiser {
        wrap(model.makeModel(numTrainTimesteps: scheduler.numTrainTimesteps, on: device))
    }

    func task(_ network: any Denoiser) throws -> DenoisingTask {
        DenoisingTask(
            network, takes: model.conditionParts, unconditional: model.unconditional,
            objective: Objective(
                schedule: try NoiseSchedule(scheduler), predictionType: scheduler.predictionType),
            conditionDropout: classDropout, seed: 7)
    }

    func group(_ task: DenoisingTask) -> LearnerGroup {
        LearnerGroup("denoiser", task.model, .random(seed: 7), optimization)
    }

    /// One run from what is in the directory: to its end, to a stop, or to whatever a closure throws.
    @discardableResult
    func run(
        in directory: String, on network: (any Denoiser)? = nil, stopAt stop: Int? = nil,
        report: @escaping (TrainingEvent) throws -> Void = { _ in }, step: (StepReport) throws -> Void = { _ in },
        preview: @escaping (Int) throws -> Void = { _ in }, isStopping: @escaping () -> Bool = { false }
    ) throws -> Outcome {
        func checkStop() throws {
            if isStopping() { throw Stopped() }
        }
        let task = try task(network ?? makeModel(on: Device(threads: threads)))
        let trainer = try Trainer(
            task, [group(task)], dataset: Dataset(.synthetic(dataset), seed: 7), plan: plan, store: store(directory),
            preview: preview, report: report, checkStop: checkStop)
        return try trainer.run(stopAt: stop, step: step)
    }

    /// The last state as it lies on the disk: weights, average, moments and record.
    func finalState(in directory: String) throws -> [UInt8] {
        let digits = String(steps)
        let name = "step-" + String(repeating: "0", count: 8 - digits.count) + digits + ".safetensors"
        return try PosixFileSystem().read(Path.join(directory, "checkpoints/\(name)"), limit: 1 << 26)
    }
}

/// Thrown by a check for a stop.
private struct Stopped: Error {}

/// How a run ended.
enum Outcome: Equatable {
    case finished
    /// Asked to stop; the state is saved after so many steps.
    case stopped(step: Int)
}

extension Trainer {
    /// Takes the steps that are left, or as many as there are until step `stop`.
    func run(
        stopAt stop: Int? = nil, step body: (StepReport) throws -> Void = { _ in }
    ) throws -> Outcome {
        do {
            try begin()
            while step < totalSteps {
                if step >= stop ?? .max { throw Stopped() }
                if let report = try takeStep() { try body(report) }
            }
            return .finished
        } catch is Stopped {
            try save()
            return .stopped(step: step)
        }
    }
}

/// A network that answers wrongly at chosen calls.
final class FaultyDenoiser: Denoiser {
    let network: any Denoiser
    /// Told the number of the call, from 0, and whether it is one of training; what the answer is multiplied by.
    private let factor: (_ call: Int, _ isTraining: Bool) -> Float
    private var calls = 0

    init(_ network: any Denoiser, _ factor: @escaping (_ call: Int, _ isTraining: Bool) -> Float) {
        self.network = network
        self.factor = factor
    }

    func visit(_ visitor: inout ParameterVisitor) { network.visit(&visitor) }

    func callAsFunction(_ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?) -> Tensor {
        defer { calls += 1 }
        return network(x, timesteps: timesteps, condition: condition, dropout: dropout) * factor(calls, dropout != nil)
    }
}
