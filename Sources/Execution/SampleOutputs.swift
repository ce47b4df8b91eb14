internal import Checkpoints
internal import Configurations
internal import Diffusion
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Problems
internal import Sampling
internal import StrictJSON
internal import TensorCore

/// The files of a sample job: a PNG for each picture, or a table and a plot for points; the grid, the animation, and what the
/// manifest says of them.
///
/// What is only needed until the last sample is drawn, points of a batch and frames of the animation, lies beside the
/// sampling's state. All is a function of job and model: an attempt that repeats another's work writes the same bytes.
struct SampleOutputs {
    private let job: SampleJob
    private let plan: SamplingPlan
    private let shape: SampleShape
    private let pipeline: PipelineDirectory
    private let modelDigest: String
    private let context: JobContext
    private let points: TrainingPoints?
    /// Steps of the first batch after which a frame of the animation is kept.
    private let frameSteps: Set<Int>

    /// More pictures than this make no grid that anybody could look at.
    private static let largestGrid = 1024

    init(
        _ job: SampleJob, _ plan: SamplingPlan, _ shape: SampleShape, _ pipeline: PipelineDirectory,
        modelDigest: String, _ context: JobContext
    ) throws {
        self.job = job
        self.plan = plan
        self.shape = shape
        self.pipeline = pipeline
        self.modelDigest = modelDigest
        self.context = context
        points = try TrainingPoints(modelDirectory: pipeline.path, in: context.files)
        let steps = plan.sampler.steps.count
        let frames = min(job.output.animationFrames, steps)
        frameSteps = job.output.animation == nil ? [] : Set((1...frames).map { $0 * steps / frames })
        if !frameSteps.isEmpty { try context.files.createDirectoriesDurably(frameDirectory, mode: 0o770) }
    }

    private static func number(_ index: Int) -> String {
        let digits = String(index)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    private static func pictureName(_ sample: Int) -> String { number(sample) + ".png" }
    private func picturePath(_ sample: Int) -> String { context.output(Self.pictureName(sample)) }
    private func pointsPath(_ batch: Int) -> String {
        Path.join(context.checkpoints, "points-\(Self.number(batch)).csv")
    }
    private var frameDirectory: String { Path.join(context.checkpoints, "frames") }
    private func framePath(_ step: Int) -> String { Path.join(frameDirectory, Self.number(step) + ".png") }

    /// Whether what the first `batches` batches wrote is still there.
    func areThere(batches: Int) throws -> Bool {
        try (0..<batches).allSatisfy { batch in
            switch shape {
            case .image: try plan.samples(of: batch).allSatisfy { try context.files.exists(picturePath($0)) }
            case .point: try context.files.exists(pointsPath(batch))
            }
        }
    }

    // MARK: - While drawing

    /// Writes the finished samples of a batch.
    func write(batch: Int, _ x: Tensor) throws {
        let samples = x.samples
        switch shape {
        case .image:
            for (number, values) in zip(plan.samples(of: batch), samples) {
                try context.write(PNG.encode(picture(values), texts: texts(number)), to: picturePath(number))
            }
        case .point:
            let lines = samples.map { restored($0).map { "\($0)" }.joined(separator: ",") + "\n" }
            try context.write(Array(lines.joined().utf8), to: pointsPath(batch))
        }
        try context.event(
            "samples",
            [
                "first": JSONNode(.integer(plan.samples(of: batch).lowerBound)),
                "count": JSONNode(.integer(samples.count)),
            ])
    }

    /// Keeps a frame of the animation, which shows the first batch.
    func frame(batch: Int, index: Int, _ x: Tensor) throws {
        guard batch == 0, frameSteps.contains(index) else { return }
        let frame: Image =
            switch shape {
            case .image: .grid(x.samples.map(picture))
            case .point: plot(x.samples.map(restored), title: "step \(index) of \(plan.sampler.steps.count)")
            }
        try context.files.writeAtomically(PNG.encode(frame), to: framePath(index), mode: 0o660)
    }

    /// Makes the frames kept so far durable; all else is when it is written.
    func synchronize() throws {
        if !frameSteps.isEmpty { try context.files.synchronizeTree(frameDirectory) }
    }

    private func picture(_ values: [Float]) -> Image {
        let d = shape.dimensions
        return Image(width: d[1], height: d[0], channels: d[2], signed: values)
    }

    /// A sample in the data's own coordinates, where the model knows them.
    private func restored(_ sample: [Float]) -> [Float] { points?.restored(sample) ?? sample }

    /// Restored samples, over the training points where the model has them.
    private func plot(_ restored: [[Float]], title: String) -> Image {
        if let points { return points.plot(restored: restored, title: title) }
        let own = restored.map { Point(Double($0[0]), $0.count > 1 ? Double($0[1]) : 0) }
        return ScatterPlot(title: title, series: [.init("samples", points: own, colour: .blue)]).image()
    }

    // MARK: - At the end

    /// Writes what is made of all samples together.
    func finish() throws {
        switch shape {
        case .image where !job.output.grid: break
        case .image where plan.count > Self.largestGrid:
            context.log("no grid.png: \(plan.count) pictures are more than the \(Self.largestGrid) it can hold")
        case .image:
            let pictures = try (0..<plan.count).map { try ImageFile.read(picturePath($0)) }
            try context.write(PNG.encode(.grid(pictures)), to: context.output("grid.png"))
        case .point: try finishPoints()
        }
        guard !frameSteps.isEmpty else { return }
        // One that somebody has removed is left out.
        let frames = try frameSteps.sorted().map(framePath).filter(context.files.exists).map { try ImageFile.read($0) }
        if !frames.isEmpty {
            try context.write(GIF.encode(frames, delay: 0.08, lastDelay: 2), to: context.output("animation.gif"))
        }
    }

    private func finishPoints() throws {
        let table = try (0..<plan.batchCount).flatMap { try context.files.read(pointsPath($0), limit: 1 << 30) }
        try context.write(table, to: context.output("points.csv"))
        let rows = String(decoding: table, as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: ",").compactMap { Float($0) }
        }
        let plot = plot(rows, title: "\(rows.count) samples of \(job.model)")
        try context.write(PNG.encode(plot), to: context.output("scatter.png"))
    }

    // MARK: - What is told of them

    /// The settings in the form that common viewers show (the `parameters` of A1111's web UI), and as JSON.
    private func texts(_ sample: Int) -> [PNG.Text] {
        let d = shape.dimensions
        var settings = [
            "Steps: \(plan.sampler.steps.count)", "Sampler: \(job.sampler.name.rawValue)", "Seed: \(job.common.seed)",
            "Size: \(d[1])x\(d[0])", "Model hash: \(modelDigest.prefix(10))", "Model: \(job.model)",
            "Version: diffd \(Release.version)", "Image number: \(sample)", "RNG: \(job.randomSource.rawValue)",
        ]
        if job.sampler.name == .ddim { settings.append("Eta: \(job.sampler.eta)") }
        if let label = classLabel(sample) { settings.append("Class: \(label)") }
        let origin: [JSONNode.Member] = [
            .init("model", JSONNode(.string(job.model.description))),
            .init("model_sha256", JSONNode(.string(modelDigest))),
            .init("sampler", job.sampler.json), .init("rng", JSONNode(.string(job.randomSource.rawValue))),
        ]
        return [
            PNG.Text("parameters", settings.joined(separator: ", ")), PNG.Text("Software", "diffd \(Release.version)"),
            PNG.Text("diffd", JSONNode(.object(entry(sample) + origin)).line),
        ]
    }

    private func classLabel(_ sample: Int) -> Int? { plan.classes.map { $0[sample % $0.count] } }

    private func entry(_ sample: Int) -> [JSONNode.Member] {
        [
            .init("index", JSONNode(.integer(sample))), .init("seed", JSONNode(.integer(job.common.seed))),
            .init("class_label", classLabel(sample).map { JSONNode(.integer($0)) } ?? .null),
        ]
    }

    /// What the manifest says of the samples and how they were drawn.
    var manifest: KeyValuePairs<String, JSONNode> {
        let images: [JSONNode] =
            switch shape {
            case .image:
                (0..<plan.count).map { sample in
                    JSONNode(.object([.init("file", JSONNode(.string(Self.pictureName(sample))))] + entry(sample)))
                }
            case .point: []
            }
        return [
            "model": [
                "name": JSONNode(.string(job.model.description)), "path": JSONNode(.string(pipeline.path)),
                "class": JSONNode(.string(pipeline.configuration.className)),
                "sha256": JSONNode(.string(modelDigest)),
            ],
            "sampler": job.sampler.json,
            "scheduler": job.sampler.applied(to: pipeline.scheduler).config(
                job.sampler.name, diffusersVersion: PipelineDirectory.diffusersVersion),
            "rng": JSONNode(.string(job.randomSource.rawValue)), "count": JSONNode(.integer(plan.count)),
            "batch_size": JSONNode(.integer(plan.batchSize)), "images": JSONNode(.array(images)),
        ]
    }
}
