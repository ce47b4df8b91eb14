internal import Checkpoints
internal import Configurations
internal import Models
internal import Problems
internal import Sampling
internal import TensorCore

/// Where the samples of a job go. Batches are numbered through.
protocol SampleSink {
    /// Whether what the first `batches` batches gave is still there.
    func areThere(batches: Int) throws -> Bool

    /// Receives the state (N, ..., C) of a batch after a step, the number of which counts from 1.
    func step(_ index: Int, batch: Int, _ x: Tensor) throws

    /// Receives the finished samples (N, ..., C) of a batch.
    func finish(batch: Int, _ x: Tensor) throws

    /// Returns when all that was received is safe from a loss of power.
    func synchronize() throws
}

/// The sampling of all that a job draws, part after part.
struct SamplingWork<Sink: SampleSink>: ResumableWork {
    private let drawing: Drawing
    private let model: Component<any Denoiser>
    private let refiner: Component<any Denoiser>?
    private let sink: Sink
    private let store: SamplingStateStore
    private let device: Device
    private var part: Drawing.Part
    private var run: SamplingRun

    /// Begins where an earlier attempt stopped, if what it finished is still there.
    ///
    /// - Throws: `invalid` when the saved state belongs to another sampling.
    init(
        _ drawing: Drawing, _ model: Component<any Denoiser>, refiner: Component<any Denoiser>? = nil, _ sink: Sink,
        _ store: SamplingStateStore, _ context: JobContext
    ) throws {
        self.drawing = drawing
        self.model = model
        self.refiner = refiner
        self.sink = sink
        self.store = store
        device = context.device
        var (part, cursor) = (drawing.parts[0], SamplingCursor(noise: drawing.parts[0].request.noise))
        let saved = try store.load(on: device) { problem in context.log("warning: \(problem)") }
        if let saved, try sink.areThere(batches: saved.batch) {
            part = drawing.part(ofBatch: saved.batch)
            let batch = saved.batch - part.firstBatch
            // The state at the end of one part says nothing of the next one's noise.
            let isFresh = batch == 0 && saved.state == nil
            cursor = SamplingCursor(batch: batch, state: saved.state, noise: isFresh ? part.request.noise : saved.noise)
        }
        self.part = part
        run = SamplingRun(part.plan, model, refiner: refiner, from: cursor, on: device)
    }

    var totalSteps: Int { drawing.totalSteps }
    var stepsDone: Int { part.firstStep + run.cursor.stepsDone(part.plan) }

    mutating func step() throws -> SamplingRun.Progress? {
        do { return try nextStep() } catch var problem as Problem where problem.code == .numerical {
            problem.message = "sampler \(part.settings.sampler.name.rawValue): \(problem.message)"
            problem.path = problem.path ?? "$.sampler"
            throw problem
        }
    }

    private mutating func nextStep() throws -> SamplingRun.Progress? {
        if let progress = try run.step() { return progress }
        part = drawing.part(ofBatch: part.firstBatch + part.plan.batchCount)
        run = SamplingRun(
            part.plan, model, refiner: refiner, from: SamplingCursor(noise: part.request.noise), on: device)
        return try run.step()
    }

    mutating func finish(_ step: SamplingRun.Progress) throws -> StepOutcome {
        switch step {
        case .step(let batch, let index, let x):
            try sink.step(index, batch: part.firstBatch + batch, x)
            return StepOutcome()
        case .finished(let batch, let x):
            try sink.step(part.plan.stepsPerBatch, batch: part.firstBatch + batch, x)
            try sink.finish(batch: part.firstBatch + batch, x)
            return StepOutcome(savesNow: true)
        }
    }

    func save() throws {
        // What the cursor counts as done is safe before it says so.
        try sink.synchronize()
        try store.save(batch: part.firstBatch + run.cursor.batch, state: run.cursor.state, noise: run.cursor.noise)
    }
}
