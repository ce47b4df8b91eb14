internal import Checkpoints
internal import Configurations
internal import Datasets
internal import Diffusion
internal import Evaluation
internal import JobSpec
internal import Media
internal import Models
internal import Problems
internal import Spool
internal import StrictJSON
internal import TensorCore

/// The bits per dimension of a model that an evaluate job measures.
struct BoundMeasurement {
    let plan: BoundPlan
    private let context: JobContext
    private let reference: ModelReference
    private let pipeline: Pipeline
    private let digest: String
    private let bound: VariationalBound
    private let samples: MeasuredSamples
    private let shape: SampleShape
    private let condition: BoundRun.Conditioning

    /// - Throws: what is wrong with model and data, and where they don't fit.
    init(_ job: EvaluateJob, of model: ModelReference, _ context: JobContext) throws {
        self.context = context
        reference = model
        let pipeline = try context.open(model)
        self.pipeline = pipeline
        try Self.checkOutputs(of: pipeline)
        (digest, bound) = try pointing(to: "$.model") {
            (try pipeline.digest(with: nil), try VariationalBound(pipeline.scheduler))
        }
        guard var configuration = job.dataset else {
            throw Problem(
                .invalid, "there is nothing to measure the model on", remedy: "Add dataset.", path: "$.dataset")
        }
        Self.complete(&configuration, for: pipeline.configuration)
        let dataset = try context.openDataset(configuration, job.common)
        if let misfit = Compatibility.measuring(pipeline.configuration)
            ?? Compatibility.samples(dataset.shape, for: pipeline.configuration, changing: .data)
            ?? Compatibility.classes(dataset.classes.count, for: pipeline.configuration, changing: .data)
        {
            throw misfit.problem
        }
        shape = dataset.shape
        condition = Self.conditioning(of: dataset, for: pipeline.configuration)
        samples = MeasuredSamples(dataset, seed: job.common.seed, count: job.count)
        plan = BoundPlan(
            count: samples.numbers.count, batchSize: job.batchSize, seed: job.common.seed,
            timesteps: job.timesteps, of: bound.schedule.count)
        context.log(
            "\(pipeline.configuration.className) from \(pipeline.path), measured on \(plan.count) pictures, "
                + "\(plan.strata.count) timesteps each")
    }

    /// What decides the result, besides the job.
    var deciding: [String] { [digest, "\(samples.numbers.count) of \(shape.dimensions)"] }

    /// Bytes of a pass.
    func memory(batchSize: Int) -> Int {
        let device = Worker.rehearsalDevice()
        let model = pipeline.configuration.makeModel(
            numTrainTimesteps: pipeline.scheduler.numTrainTimesteps, on: device)
        var plan = plan
        plan.batchSize = batchSize
        return BoundRun.rehearse(plan, model, shape: shape.dimensions, condition, on: device)
    }

    func loadModel() throws -> any Denoiser {
        try pointing(to: "$.model") { try pipeline.model(on: context.device) }
    }

    func work(_ model: any Denoiser, _ store: EvaluationStore) throws -> BoundWork {
        try BoundWork(plan, store, context) { state in
            BoundRun(plan, bound, model, samples, condition, from: state, on: context.device)
        }
    }

    // MARK: - The report

    func add(_ state: BoundState, to report: inout EvaluationReport) throws {
        func figure(_ moments: Moments) -> JSONNode {
            [
                "bits": JSONNode(.number(moments.mean)),
                "standard_error": moments.standardError.map { JSONNode(.number($0)) } ?? .null,
            ]
        }
        let strata = zip(plan.strata, state.strata).map { range, found -> JSONNode in
            [
                "from": JSONNode(.integer(range.lowerBound)), "to": JSONNode(.integer(range.upperBound - 1)),
                "bits": JSONNode(.number(found.bits.mean)), "mse": JSONNode(.number(found.noiseError.mean)),
                "xstart_mse": JSONNode(.number(found.sampleError.mean)),
            ]
        }
        let isHeldOut = samples.areHeldOut
        report.add(
            "bits_per_dimension",
            [
                "total": JSONNode(.number(state.total.mean)),
                "standard_error": state.total.standardError.map { JSONNode(.number($0)) } ?? .null,
                "is_estimate": JSONNode(.bool(plan.isEstimate)),
                "terms": [
                    "prior": figure(state.prior), "steps": figure(state.steps), "decoder": figure(state.decoder),
                ],
                "pictures": JSONNode(.integer(plan.count)), "held_out": JSONNode(.bool(isHeldOut)),
                "timesteps": JSONNode(.integer(bound.schedule.count)),
                "timesteps_per_picture": JSONNode(.integer(plan.strata.count)),
                "prediction_type": JSONNode(.string(pipeline.scheduler.predictionType.rawValue)),
                "variance_type": JSONNode(.string(pipeline.scheduler.varianceType.rawValue)),
                "model": [
                    "name": JSONNode(.string(reference.description)), "path": JSONNode(.string(pipeline.path)),
                    "class": JSONNode(.string(pipeline.configuration.className)), "sha256": JSONNode(.string(digest)),
                ],
                "by_timestep": JSONNode(.array(strata)),
            ])
        report.addText(text(state, isHeldOut: isHeldOut))
        try report.add("bits.png", plot("bits per dimension of each timestep", state, ["": \.bits]))
        try report.add(
            "errors.png",
            plot(
                "mean squared error at each timestep", state, ["of the noise": \.noiseError, "of x_0": \.sampleError]))
    }

    private func text(_ state: BoundState, isHeldOut: Bool) -> String {
        func row(_ name: String, _ moments: Moments) -> String {
            let error = moments.standardError.map { EvaluationReport.number($0) } ?? ""
            return "| \(name) | \(EvaluationReport.number(moments.mean)) | \(error) |\n"
        }
        let basis =
            plan.isEstimate
            ? "An estimate from \(plan.strata.count) of \(bound.schedule.count) timesteps of each picture, timestep 0 and one of each "
                + "of \(plan.strata.count - 1) runs of the others, drawn by seed."
            : "All \(bound.schedule.count) timesteps of each picture."
        return """
            ## Bits per dimension

            The variational bound of \(reference) (\(pipeline.configuration.className)) on \(plan.count) \
            \(isHeldOut ? "held-out " : "")pictures of \(shape.dimensions). \(basis)

            | term | bits per dimension | standard error |
            | --- | --- | --- |
            \(row("prior, L_T", state.prior))\
            \(row("steps, sum of L_t-1", state.steps))\
            \(row("decoder, L_0", state.decoder))\
            \(row("**total**", state.total))
            The standard error is that of the mean over pictures\(plan.isEstimate ? " and over the timesteps drawn for each" : ""). \
            bits.png shows the terms by timestep, errors.png the errors of the prediction.

            """
    }

    private func plot(
        _ title: String, _ state: BoundState, _ curves: KeyValuePairs<String, KeyPath<BoundState.Stratum, Moments>>
    ) throws -> Image {
        let series = zip(curves, [Colour.blue, .orange]).map { curve, colour in
            let points = zip(plan.strata, state.strata).map { range, found in
                Point(Double(range.lowerBound + range.upperBound - 1) / 2, found[keyPath: curve.value].mean)
            }
            return Plot.Series(curve.key, as: .line(width: 2), points: points, colour: colour)
        }
        var plot = Plot(title, yScale: .logarithmic, series: series)
        plot.xLabel = "timestep"
        return try plot.image()
    }

    // MARK: - What only model and data can tell

    /// The data's options with what follows from the model.
    private static func complete(_ dataset: inout DatasetConfiguration, for model: ModelConfiguration) {
        if let clips = model.clips { dataset.frames = dataset.frames ?? clips.sampleFrames }
        if let (size, channels) = model.sampleShape?.frame { dataset.completeImages(size, channels: channels) }
    }

    private static func checkOutputs(of pipeline: Pipeline) throws {
        func fail(_ message: String, _ remedy: String) -> Problem {
            Problem(.unsupported, message, remedy: remedy, path: "$.model")
        }
        guard pipeline.autoencoder == nil else {
            throw fail(
                "the model makes latents, and the bound in bits per dimension is one on pixels",
                "Measure such a model by the Frechet distance of what it draws: samples and reference.")
        }
        guard pipeline.configuration.channels != nil else {
            throw fail("the model makes points, but the bound is of pictures of 256 levels", "Use a model of pictures.")
        }
        if let misfit = Compatibility.outputs(
            of: pipeline.configuration, learnedVariance: pipeline.scheduler.varianceType == .learnedRange)
        {
            throw Problem(
                .unsupported, misfit.message,
                remedy: "Set variance_type in the model's scheduler_config.json to what it was trained with.",
                path: "$.model")
        }
    }

    /// Samples of no class in particular where the data have no classes.
    private static func conditioning(of dataset: Dataset, for model: ModelConfiguration) -> BoundRun.Conditioning {
        guard dataset.classes.isEmpty else { return .own(model.conditionParts) }
        return .always(model.unconditional ?? .none)
    }
}
