internal import Checkpoints
internal import Configurations
internal import Diffusion
internal import Models
internal import Problems
internal import Safetensors
internal import TensorCore

/// A case ready to run.
protocol Workload: AnyObject {
    var specification: Case { get }
    var device: Device { get }

    /// What is timed, `steps` times over.
    func run(_ steps: Int)

    /// How far what it computes from the inputs in `directory` is from what PyTorch did, by name: the largest
    /// difference over the largest value.
    func errors(in directory: String) throws -> [String: Double]
}

extension Workload {
    func measure() -> MeasureResult {
        run(specification.warmup)
        let before = device.memory.systemAllocations
        let cpu = Machine.cpuSeconds
        let seconds = (0..<specification.repeats).map { _ in Stopwatch.seconds { run(specification.steps) } }
        return MeasureResult(
            program: "diffd (\(ProductKernels.description(device)))", threads: device.threads, seconds: seconds,
            medianSeconds: seconds.median, cpuSeconds: (Machine.cpuSeconds - cpu) / Double(seconds.count),
            peakBytes: Machine.peakBytes,
            systemAllocations: device.memory.systemAllocations - before)
    }
}

extension CaseOfModel {
    func workload(weights: String, threads: Int) throws -> any Workload {
        let device = Device(threads: threads)
        if `case`.task == .encode || `case`.task == .decode {
            let autoencoder = AutoencoderKL(try autoencoder(), on: device)
            try Weights(weights).load(into: autoencoder)
            return AutoencoderWorkload(`case`, autoencoder, device)
        }
        if `case`.task == .encodeText { return TextWorkload(`case`, try text(weights, on: device)) }
        if `case`.task == .textToImage {
            let unet = try model().makeModel(numTrainTimesteps: `case`.timesteps, on: device)
            try Weights("\(weights)/unet").load(into: unet)
            let autoencoder = AutoencoderKL(try autoencoder(), on: device)
            try Weights("\(weights)/vae").load(into: autoencoder)
            return TextToImageWorkload(
                `case`, try text("\(weights)/text_encoder", on: device), unet, autoencoder, device)
        }
        let model = try model()
        let network = model.makeModel(numTrainTimesteps: `case`.timesteps, on: device)
        try Weights(weights).load(into: network)
        guard let shape = model.sampleShape else {
            throw Problem(.invalid, "the model \(`case`.model) has no sample size", remedy: "Add sample_size.")
        }
        let (extents, images): ([Int], Bool) =
            switch shape {
            case .point(let dimension): ([dimension], false)
            case .image(let size, let channels): ([size.height, size.width, channels], true)
            // The reference takes clips as they lie here.
            case .video: (shape.dimensions, false)
            }
        let inputs = Inputs(
            shape: Shape([`case`.batch] + extents), areImages: images, device: device,
            condition: model.condition(`case`.batch, on: device))
        return switch `case`.task {
        case .train: try TrainingWorkload(`case`, network, inputs)
        case .forward: ForwardWorkload(`case`, network, inputs)
        case .sample: try SamplingWorkload(`case`, network, inputs)
        case .encode, .decode, .encodeText, .textToImage:
            throw Problem(.internal, "the case is of more or other networks than a denoiser")
        }
    }

    private func text(_ weights: String, on device: Device) throws -> any TextEncoder {
        let network = try textEncoder().makeTextEncoder(on: device)
        try Weights(weights).load(into: network, isIdle: CLIPTextConfiguration.ignores)
        return network
    }
}

extension ModelConfiguration {
    /// What the samples of a batch are told, as the other side has it: classes, or 77 tokens of a text and, where the
    /// network takes more, a vector and sizes as pipelines of 512 x 512 pixels give them.
    fileprivate func condition(_ count: Int, on device: Device) -> Condition {
        var condition = Condition()
        if case .table(let classes, _) = network.classConditioning {
            condition.classes = .numbers((0..<count).map { $0 * 7 % classes })
        }
        guard let contextWidth = network.contextWidth else { return condition }
        condition.text = Condition.Text(tokens: .pattern([count, 77, contextWidth], on: device))
        let sizes: [Float] = [512, 512, 0, 0, 512, 512]
        if let width = network.pooledTextWidth(besideNumbers: sizes.count) {
            condition.pooledText = .pattern([count, width], on: device)
            condition.added = Tensor(
                (0..<count).flatMap { _ in sizes }, shape: [count, sizes.count], on: device)
        }
        return condition
    }
}

extension Tensor {
    /// Numbers between -2 and 2 that the other side has too.
    fileprivate static func pattern(_ shape: Shape, on device: Device) -> Tensor {
        let values = (0..<shape.elementCount).map { Float($0 * 7919 % 2001 - 1000) / 500 }
        return Tensor(values, shape: shape, on: device)
    }
}

/// The samples of a case: how they are shaped here, and how the exchanged files have them.
struct Inputs {
    /// (N, H, W, C), (N, T, H, W, C) or (N, D).
    let shape: Shape
    let areImages: Bool
    let device: Device
    var condition = Condition.none

    /// Standard normals.
    func random(_ purpose: Philox.Purpose, step: Int = 0) -> Tensor {
        .normal(shape, seed: 1, purpose: purpose, step: step, on: device)
    }

    /// Numbers in PyTorch's order (N, C, H, W).
    func tensor(_ values: some Collection<Float>) -> Tensor {
        guard areImages else { return Tensor(Array(values), shape: shape, on: device) }
        let fileShape: Shape = [shape[0], shape[3], shape[1], shape[2]]
        return Tensor(Array(values), shape: fileShape, on: device).permuted([0, 2, 3, 1])
    }

    /// The elements in PyTorch's order.
    func fileOrder(_ tensor: Tensor) -> [Float] {
        (areImages ? tensor.permuted([0, 3, 1, 2]) : tensor).array()
    }
}

/// The numbers that PyTorch wrote for a case.
struct Exchange {
    let inputs: SafetensorsFile
    let expected: SafetensorsFile

    init(_ directory: String) throws {
        inputs = try SafetensorsFile("\(directory)/inputs.safetensors")
        expected = try SafetensorsFile("\(directory)/expected.safetensors")
    }

    /// The largest difference over the largest value.
    func error(_ computed: [Float], _ name: String) throws -> Double {
        var error = RelativeError()
        try error.add(computed, expected.floats(name))
        return error.value
    }
}

/// The largest difference over the largest value, of numbers that come in parts.
struct RelativeError {
    private var difference = 0.0
    private var largest = 0.0

    mutating func add(_ computed: [Float], _ expected: [Float]) {
        guard computed.count == expected.count else {
            difference = .infinity
            return
        }
        for (a, b) in zip(computed, expected) {
            let distance = abs(Double(a) - Double(b))
            // A NaN must not pass for a small difference.
            difference = distance.isFinite ? max(difference, distance) : .infinity
            largest = max(largest, abs(Double(b)))
        }
    }

    var value: Double { difference == 0 ? 0 : difference / largest }
}
