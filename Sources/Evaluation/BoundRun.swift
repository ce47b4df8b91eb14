public import Datasets
public import Diffusion
public import Models
internal import NeuralNet
internal import Problems
public import TensorCore

/// Where the measuring of a bound stands, and what it has found so far: all that is needed to go on with the same bits.
public struct BoundState: Sendable, Hashable, Codable {
    /// Sums over the samples measured in a stratum of timesteps.
    public struct Stratum: Sendable, Hashable, Codable {
        public var bits = Moments()
        public var sampleError = Moments()
        public var noiseError = Moments()
    }

    /// Batches finished.
    public var batch = 0
    /// Strata of the batch in work that are done, from the last timesteps to the first.
    public var strataDone = 0
    /// L_T + sum L_t-1 + L_0 of each finished sample, and its three parts.
    public var total = Moments()
    public var prior = Moments()
    public var steps = Moments()
    public var decoder = Moments()
    public var strata: [Stratum]
    /// sum L_t-1 so far of each sample of the batch in work.
    private var partial: [Double] = []

    public init(_ plan: BoundPlan) { strata = plan.strata.map { _ in Stratum() } }

    /// Passes of the model done.
    public func stepsDone(_ plan: BoundPlan) -> Int { batch * plan.strata.count + strataDone }

    /// Whether it can be a state of `plan`.
    public func fits(_ plan: BoundPlan) -> Bool {
        let isInside = (0..<plan.batchCount).contains(batch) && (0..<plan.strata.count).contains(strataDone)
        let open = strataDone == 0 ? 0 : plan.samples(of: batch).count
        return strata.count == plan.strata.count && partial.count == open
            && (isInside || batch == plan.batchCount && strataDone == 0)
    }

    /// Takes in the terms of one stratum.
    fileprivate mutating func add(_ terms: [VariationalBound.Term], to stratum: Int, of plan: BoundPlan) {
        for term in terms {
            strata[stratum].bits.add(term.bits)
            strata[stratum].sampleError.add(term.sampleError)
            strata[stratum].noiseError.add(term.noiseError)
        }
        if partial.isEmpty { partial = [Double](repeating: 0, count: terms.count) }
        guard stratum > 0 else { return }
        let width = Double(plan.strata[stratum].count)
        for index in terms.indices { partial[index] += width * terms[index].bits }
    }

    /// Takes in what closes a batch.
    fileprivate mutating func finish(_ prior: [Double], _ decoder: [Double]) {
        for index in prior.indices {
            self.prior.add(prior[index])
            steps.add(partial[index])
            self.decoder.add(decoder[index])
            total.add(prior[index] + partial[index] + decoder[index])
        }
        partial = []
        batch += 1
        strataDone = 0
    }
}

/// Measures the variational bound of a model on samples. The caller pulls one pass of the model at a time and does all else in between.
public struct BoundRun {
    public let plan: BoundPlan
    /// Between any two calls of `step` it can be saved.
    public private(set) var state: BoundState
    private let bound: VariationalBound
    private let model: any Denoiser
    private let samples: MeasuredSamples
    private let condition: Conditioning
    private let device: Device
    private var batch: (number: Int, Batch)?

    /// The conditions that the model receives.
    public enum Conditioning {
        /// These parts of each sample's own.
        case own(Condition.Parts)
        /// The same for all: one row, or `.none`.
        case always(Condition)

        fileprivate func callAsFunction(_ batch: Batch) -> Condition {
            switch self {
            case .own(let parts): batch.condition.keeping(parts)
            case .always(let condition): condition.repeated(for: 0..<batch.count)
            }
        }
    }

    public init(
        _ plan: BoundPlan, _ bound: VariationalBound, _ model: any Denoiser, _ samples: MeasuredSamples,
        _ condition: Conditioning, from state: BoundState, on device: Device
    ) {
        self.plan = plan
        self.bound = bound
        self.model = model
        self.samples = samples
        self.condition = condition
        self.state = state
        self.device = device
    }

    /// Measures one batch at one timestep of each sample; false when all is done.
    ///
    /// - Throws: what reading samples throws; `numerical` where the model gives no numbers.
    public mutating func step() throws -> Bool {
        guard state.batch < plan.batchCount else { return false }
        let places = plan.samples(of: state.batch)
        let numbers = Array(samples.numbers[places])
        let batch = try batch(state.batch, places)
        let stratum = plan.strata.count - 1 - state.strataDone
        let timesteps = numbers.map { plan.timestep(stratum, sample: $0) }
        let noise = noise(numbers, timesteps, like: batch.x)  // (N, ..., C)
        let xt = bound.schedule.addNoise(batch.x, noise, at: timesteps)  // (N, ..., C)
        let output = model(
            xt, timesteps: timesteps.map(Float.init), condition: condition(batch))  // (N, ..., C or 2 C)
        let terms = bound.terms(output, x0: batch.x, xt: xt, at: timesteps)
        if let bad = terms.firstIndex(where: { !$0.bits.isFinite }) {
            throw Problem(
                .numerical, "the model's output at timestep \(timesteps[bad]) is not a number",
                remedy:
                    "Look at the training's loss.png: the model is broken, or its scheduler is not the one it was trained with."
            )
        }
        state.add(terms, to: stratum, of: plan)
        state.strataDone += 1
        if stratum == 0 { state.finish(bound.prior(batch.x), terms.map(\.bits)) }
        return true
    }

    /// Standard normals that depend on seed, sample and timestep alone.
    private func noise(_ numbers: [Int], _ timesteps: [Int], like x: Tensor) -> Tensor {
        let single = Shape([1] + Array(x.shape).dropFirst())
        return .concatenated(
            zip(numbers, timesteps).map { number, t in
                .normal(single, seed: plan.seed, purpose: .evaluation, step: t, firstSample: number, on: device)
            }, axis: 0)
    }

    private mutating func batch(_ number: Int, _ places: Range<Int>) throws -> Batch {
        if let batch, batch.number == number { return batch.1 }
        let read = try samples.batch(places, on: device)
        batch = (number, read)
        return read
    }

    /// Bytes that the tensors of a pass take, told by one on a device that computes nothing.
    ///
    /// - Parameters:
    ///   - model: lies on that device.
    ///   - shape: of one sample.
    public static func rehearse(
        _ plan: BoundPlan, _ model: any Denoiser, shape: [Int], _ condition: Conditioning, on device: Device
    ) -> Int {
        precondition(device.isRehearsal, "a rehearsal has a device of its own")
        model.initialize(seed: 0)
        let count = min(plan.count, plan.batchSize)
        let x = Tensor.zeros(Shape([count] + shape), on: device)
        let noise = Tensor.zeros(x.shape, on: device)
        let numbers = [Int](repeating: 0, count: count)
        let output = model(
            x * 1 + noise, timesteps: numbers.map(Float.init),
            condition: condition(Batch(x: x, condition: Condition(classes: numbers))))
        return withExtendedLifetime((x, noise, output)) { device.memory.held }
    }
}
