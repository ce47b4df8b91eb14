public import Diffusion
public import Models
internal import NeuralNet
public import TensorCore

/// Where a sampling stands: all that is needed to go on after an interruption with the same bits.
public struct SamplingCursor {
    /// Batches finished.
    public var batch: Int
    /// The batch in work, between two of its steps; nil before its first.
    public var state: SamplerState?
    public var noise: NoiseSource

    public init(batch: Int = 0, state: SamplerState? = nil, noise: NoiseSource) {
        self.batch = batch
        self.state = state
        self.noise = noise
    }

    /// Calls of the model done.
    public func stepsDone(_ plan: SamplingPlan) -> Int { batch * plan.stepsPerBatch + (state?.calls ?? 0) }
}

/// Draws the samples of a plan. The caller pulls one step at a time and does all else in between: progress, previews,
/// saving the cursor, stopping.
public struct SamplingRun {
    public let plan: SamplingPlan
    /// Where it stands; between any two calls of `step` it can be saved.
    public private(set) var cursor: SamplingCursor
    private let model: Component<any Denoiser>
    private let refiner: Component<any Denoiser>?
    private let device: Device
    private let visits: [Int]
    /// What the batch in work is made from.
    private var pictures: (batch: Int, Editing.Pictures)?
    /// Conditions of the current batch for the model that takes its current steps.
    private var conditions: (batch: Int, isRefining: Bool, condition: Condition, unconditional: Condition?)?

    /// What a step did.
    public enum Progress {
        /// One step of a batch is done; `x` is the state of its samples (N, ..., C).
        case step(batch: Int, index: Int, x: Tensor)
        /// The last step of a batch; `x` holds its finished samples.
        case finished(batch: Int, x: Tensor)
    }

    /// - Parameters:
    ///   - model: its phase begins with the first step of a batch, once the images that the batch is made from are read.
    ///   - refiner: takes the steps of the plan's refinement.
    public init(
        _ plan: SamplingPlan, _ model: Component<any Denoiser>, refiner: Component<any Denoiser>? = nil,
        from cursor: SamplingCursor, on device: Device
    ) {
        precondition((refiner == nil) == (plan.refinement == nil), "a refinement has a model of its own")
        self.plan = plan
        self.model = model
        self.refiner = refiner
        self.cursor = cursor
        self.device = device
        visits = plan.visits
    }

    /// With a model that stays in memory.
    public init(_ plan: SamplingPlan, _ model: any Denoiser, from cursor: SamplingCursor, on device: Device) {
        self.init(plan, Component<any Denoiser>(model), from: cursor, on: device)
    }

    /// Takes the next step; nil when all samples are drawn.
    ///
    /// - Throws: what reading the pictures to edit or loading the model throws; `numerical` where outputs or samples are
    ///   NaN or infinite.
    public mutating func step() throws -> Progress? {
        guard cursor.batch < plan.batchCount else { return nil }
        let batch = cursor.batch
        cursor.noise.samples = plan.samples(of: batch)
        let pictures = try pictures(of: batch)
        var state = cursor.state ?? begin(pictures)
        if state.calls < visits.count {
            let refinement = plan.refinement.flatMap { state.calls >= $0.start ? $0 : nil }
            // The second model goes on from the first one's x, and remembers nothing of its steps.
            if state.calls == refinement?.start { state = SamplerState(x: state.x, index: 0, calls: state.calls) }
            try readConditions(of: batch, refinement, joining: state.joined)
            let sampler = refinement?.sampler ?? plan.sampler
            goBack(&state, to: visits[state.calls])
            cursor.noise.repetitions = refinement?.start ?? (state.calls - state.index)
            let timestep = sampler.steps[state.index].timestep
            let input = withKnownFrames(sampler.modelInput(state), pictures, state.initialNoise)
            let prediction = try predict(input, timestep, sampler, pictures?.knownFrames)
            let network = try network(isRefining: refinement != nil)
            let samples = plan.samples(of: batch)
            let range =
                samples.count == 1
                ? "sample \(samples.lowerBound)" : "samples \(samples.lowerBound) to \(samples.upperBound - 1)"
            let place = "\(range) in step \(state.calls + 1) of \(visits.count)"
            // Limiting the predicted x_0 makes a number of any output.
            try network.checkFinite(prediction, "the network's outputs for \(place)")
            sampler.advance(&state, prediction, &cursor.noise)
            state.calls += 1
            keepKnown(&state, pictures)
            try network.checkFinite(state.x, "the values of \(place)")
        }
        if state.calls == visits.count {
            cursor.batch += 1
            cursor.state = nil
            return .finished(batch: batch, x: state.x)
        }
        cursor.state = state
        return .step(batch: batch, index: state.calls, x: state.x)
    }

    /// What a plan's batches take at most, told by some steps on a device that computes nothing, without the images that
    /// are edited: memory, and the work of a step.
    ///
    /// - Parameter model: lies on that device.
    public static func rehearse(
        _ plan: SamplingPlan, _ model: any Denoiser, keeping format: HalfTensor.Format? = nil, on device: Device
    ) throws -> ComputationCost {
        precondition(device.isRehearsal, "a rehearsal has a device of its own")
        model.initialize(seed: 0, keeping: format)
        var plan = plan
        plan.editing = nil
        plan.refinement = nil
        plan.count = min(plan.count, plan.batchSize)
        var run = SamplingRun(plan, model, from: SamplingCursor(noise: .philox(seed: 0)), on: device)
        // Solvers of a higher order keep outputs of earlier steps.
        var steps = 0
        while steps < 4, try run.step() != nil { steps += 1 }
        return ComputationCost(memory: device.memory.held, work: device.rehearsedWork / max(1, steps))
    }

    /// The model's output for a batch, guided where the plan says so: with the variance for a sampler that wants it.
    private func predict(
        _ x: Tensor, _ timestep: Double, _ sampler: any Sampler, _ known: Editing.KnownFrames?
    ) throws -> Tensor {
        let isRefining = conditions?.isRefining ?? false
        let model = try network(isRefining: isRefining)
        let (axis, channels, count) = (x.shape.rank - 1, x.shape.last, x.shape[0])
        let condition = conditions?.condition ?? .none
        let times = (0..<x.shape[0]).flatMap { _ in
            known.map { known in known.isKnown.map { $0 ? known.timestep : Float(timestep) } } ?? [Float(timestep)]
        }
        func mean(_ output: Tensor) -> Tensor {
            output.shape.last == channels ? output : output.sliced(axis: axis, 0..<channels)
        }
        let own = isRefining ? plan.refinement?.guidance?.0 : plan.guidance?.0
        guard let guidance = own, let unconditional = conditions?.unconditional,
            guidance.acts(at: timestep)
        else {
            let output = model(x, timesteps: times, condition: condition)
            return sampler.takesVariance ? output : mean(output)
        }
        // One pass for both halves.
        let both = model(
            .concatenated([x, x], axis: 0), timesteps: times + times,
            condition: .concatenated([condition, unconditional]))  // (2 N, ..., C or 2 C)
        let conditional = both.sliced(axis: 0, 0..<count)
        let guided = guidance(mean(conditional), mean(both.sliced(axis: 0, count..<2 * count)))
        guard sampler.takesVariance else { return guided }
        return .concatenated([guided, conditional.sliced(axis: axis, channels..<2 * channels)], axis: axis)
    }

    private func network(isRefining: Bool) throws -> any Denoiser {
        try (isRefining ? refiner ?? model : model)()
    }

    private mutating func readConditions(
        of batch: Int, _ refinement: SamplingPlan.Refinement?, joining channels: Tensor?
    ) throws {
        let isRefining = refinement != nil
        if let conditions, conditions.batch == batch, conditions.isRefining == isRefining { return }
        let samples = plan.samples(of: batch)
        var condition = try (refinement?.condition ?? plan.condition)(samples)
        var unconditional = try (isRefining ? refinement?.guidance : plan.guidance)?.unconditional(samples)
        if let channels {
            condition.channels = channels
            unconditional?.channels = channels
        }
        conditions = (batch, isRefining, condition, unconditional)
    }

    // MARK: - Editing

    private mutating func pictures(of batch: Int) throws -> Editing.Pictures? {
        guard let editing = plan.editing else { return nil }
        if let pictures, pictures.batch == batch { return pictures.1 }
        let read = try editing.pictures(plan.samples(of: batch), device)
        pictures = (batch, read)
        return read
    }

    /// Pure noise, or the images with as much noise as the first step takes. What is drawn, is drawn in the order of
    /// diffusers' pipelines: a sample of the images, the noise, a sample of what the mask leaves of them.
    private mutating func begin(_ pictures: Editing.Pictures?) -> SamplerState {
        let shape = Shape([plan.samples(of: cursor.batch).count] + plan.sampleShape)
        guard let pictures, let editing = plan.editing else {
            return plan.sampler.begin(shape, &cursor.noise, on: device)
        }
        if let level = pictures.enlargedAt {
            let noise = cursor.noise.latents(pictures.x0.shape, number: 0, on: device)
            var state = plan.sampler.begin(shape, &cursor.noise, on: device)
            state.joined = pictures.x0 * Float(level.signal) + noise * Float(level.noise)
            return state
        }
        var x0 = pictures.x0
        if let deviation = pictures.deviation, !editing.beginsWithNoise || pictures.rest == nil {
            x0 = x0 + deviation * cursor.noise.latents(shape, number: 0, on: device)
        }
        let noise = cursor.noise.initial(shape, on: device)
        let x =
            editing.beginsWithNoise
            ? noise * Float(plan.sampler.initialNoiseSigma) : plan.sampler.noised(x0, noise, at: 0)
        guard let mask = pictures.mask else { return SamplerState(x: x) }
        guard let rest = pictures.rest else { return SamplerState(x: x, initialNoise: noise, edited: x0) }
        let kept = rest.x0 + rest.deviation * cursor.noise.latents(shape, number: 1, on: device)
        return SamplerState(x: x, joined: .concatenated([mask, kept], axis: shape.rank - 1))
    }

    /// Puts what is known in its place, as noisy as the rest is now (Lugmayr et al. 2022, equation 8). A model that is
    /// given it as channels keeps it by itself.
    private func keepKnown(_ state: inout SamplerState, _ pictures: Editing.Pictures?) {
        guard let mask = pictures?.mask, let noise = state.initialNoise, let edited = state.edited else { return }
        let known = plan.sampler.noised(edited, noise, at: state.index)
        let changing = mask.broadcast(to: state.x.shape)
        state.x = known * (1 - changing) + state.x * changing
    }

    /// What the model is given, with known frames as it is to see them.
    private func withKnownFrames(_ x: Tensor, _ pictures: Editing.Pictures?, _ noise: Tensor?) -> Tensor {
        guard let pictures, let frames = pictures.knownFrames, let noise else { return x }
        let level = frames.level
        let known =
            level.noise == 0 ? pictures.x0 : pictures.x0 * Float(level.signal) + noise * Float(level.noise)
        let changing = Tensor(
            frames.isKnown.map { $0 ? 0 : 1 }, shape: [1, frames.isKnown.count, 1, 1, 1], on: x.device
        ).broadcast(to: x.shape)
        return known * (1 - changing) + x * changing
    }

    /// Adds noise until x is as noisy as before step `index`, for steps that are taken again (equation 8 of the same, its forward
    /// step).
    private mutating func goBack(_ state: inout SamplerState, to index: Int) {
        guard index < state.index else { return }
        let levels = plan.sampler.levels
        let now = levels.indices.contains(state.index) ? levels[state.index] : NoiseLevel(signal: 1, noise: 0)
        let then = levels[index]
        let ratio = then.signal / now.signal
        let added = max(then.noise * then.noise - ratio * ratio * now.noise * now.noise, 0).squareRoot()
        cursor.noise.repetitions = visits.count + state.calls
        let noise = cursor.noise.next(state.x.shape, step: 0, on: device)
        state.x = state.x * Float(ratio) + noise * Float(added)
        state.index = index
    }
}
