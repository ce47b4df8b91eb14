internal import Checkpoints
internal import Configurations
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Problems
internal import Sampling
internal import StrictJSON
internal import TensorCore

/// The files of a sample job: a PNG for each picture, or a table and a plot for points; the grid, the animation, and what the
/// manifest says of them.
struct SampleOutputs {
    private let job: SampleJob
    private let plan: SamplingPlan
    private let shape: SampleShape
    private let modelName: String
    private let modelDigest: String
    private let context: JobContext
    private let points: TrainingPoints?
    /// Steps of the first batch after which a frame of the animation is kept.
    private let frameSteps: Set<Int>

    /// More pictures than this make no grid that anybody could look at.
    private static let largestGrid = 1024

    init(
        _ job: SampleJob, _ plan: SamplingPlan, _ shape: SampleShape, modelDirectory: String, modelDigest: String,
        _ context: JobContext
    ) throws {
        self.job = job
        self.plan = plan
        self.shape = shape
        self.modelDigest = modelDigest
        self.context = context
        modelName = job.model.description
        points = try TrainingPoints(modelDirectory: modelDirectory, in: context.files)
        let steps = plan.sampler.steps.count
        let frames = min(job.output.animationFrames, steps)
        frameSteps =
            job.output.animation == nil ? [] : Set((1...max(1, frames)).map { max(1, $0 * steps / max(1, frames)) })
        if !frameSteps.isEmpty { try context.files.createDirectoriesDurably(frameDirectory, mode: 0o770) }
    }

    private static func number(_ index: Int) -> String {
        let digits = String(index)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    private func picturePath(_ sample: Int) -> String { context.output(Self.number(sample) + ".png") }
    private func valuesPath(_ batch: Int) -> String { context.output(".points-\(Self.number(batch)).csv") }
    private var frameDirectory: String { context.output(".frames") }

    /// Whether what the first `batches` batches wrote is still there.
    func areThere(batches: Int) throws -> Bool {
        for batch in 0..<batches {
            switch shape {
            case .image:
                for sample in plan.samples(of: batch) where try !context.files.exists(picturePath(sample)) {
                    return false
                }
            case .point:
                if try !context.files.exists(valuesPath(batch)) { return false }
            }
        }
        return true
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
            try context.write(Array(lines.joined().utf8), to: valuesPath(batch))
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
        let frame: Image
        switch shape {
        case .image: frame = .grid(x.samples.map(picture))
        case .point: frame = try plot(x.samples, title: "step \(index) of \(plan.sampler.steps.count)")
        }
        try context.files.writeAtomically(
            PNG.encode(frame), to: Path.join(frameDirectory, Self.number(index) + ".png"), mode: 0o660)
    }

    private func picture(_ values: [Float]) -> Image {
        let d = shape.dimensions
        return Image(width: d[1], height: d[0], channels: d[2], signed: values)
    }

    private func restored(_ sample: [Float]) -> [Float] { points?.restored(sample) ?? sample }

    private func plot(_ samples: [[Float]], title: String) throws -> Image {
        if let points { return try points.plot(samples, title: title) }
        let own = samples.map { Point(Double($0[0]), $0.count > 1 ? Double($0[1]) : 0) }
        return ScatterPlot(title: title, series: [.init("samples", points: own, colour: .blue)]).image()
    }

    // MARK: - At the end

    /// Writes what is made of all samples together.
    func finish() throws {
        switch shape {
        case .image:
            if job.output.grid, plan.count <= Self.largestGrid {
                let pictures = try (0..<plan.count).map { try ImageFile.read(picturePath($0)) }
                try context.write(PNG.encode(.grid(pictures)), to: context.output("grid.png"))
            } else if job.output.grid {
                context.log("no grid.png: \(plan.count) pictures are more than the \(Self.largestGrid) it can hold")
            }
        case .point:
            try finishPoints()
        }
        if !frameSteps.isEmpty {
            let frames = try frameSteps.sorted().compactMap { index -> Image? in
                let path = Path.join(frameDirectory, Self.number(index) + ".png")
                // A frame between the last save and a kill is drawn again; one that somebody removed is left out.
                return try context.files.exists(path) ? try ImageFile.read(path) : nil
            }
            if !frames.isEmpty {
                try context.write(GIF.encode(frames, delay: 0.08, lastDelay: 2), to: context.output("animation.gif"))
            }
            try context.files.removeDurably(frameDirectory)
        }
    }

    private func finishPoints() throws {
        var table: [UInt8] = []
        for batch in 0..<plan.batchCount { table += try context.files.read(valuesPath(batch), limit: 1 << 30) }
        try context.write(table, to: context.output("points.csv"))
        let rows = String(decoding: table, as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: ",").compactMap { Float($0) }
        }
        try context.write(PNG.encode(scatter(rows)), to: context.output("scatter.png"))
        for batch in 0..<plan.batchCount { try context.files.removeDurably(valuesPath(batch)) }
    }

    /// Samples in the data's own coordinates, over the training points where the model has them.
    private func scatter(_ rows: [[Float]]) throws -> Image {
        if let points { return points.plot(restored: rows, title: "\(rows.count) samples of \(modelName)") }
        return try plot(rows, title: "\(rows.count) samples of \(modelName)")
    }

    // MARK: - What is told of them

    /// The settings in the form that common viewers show (the `parameters` of A1111's web UI), and as JSON.
    private func texts(_ sample: Int) -> [PNG.Text] {
        let d = shape.dimensions
        var settings = [
            "Steps: \(plan.sampler.steps.count)", "Sampler: \(job.sampler.name.rawValue)", "Seed: \(job.common.seed)",
            "Size: \(d[1])x\(d[0])", "Model hash: \(modelDigest.prefix(10))", "Model: \(modelName)",
            "Version: diffd \(Release.version)", "Image number: \(sample)", "RNG: \(job.randomSource.rawValue)",
        ]
        if job.sampler.name == .ddim { settings.insert("Eta: \(job.sampler.eta)", at: 2) }
        if let label = classLabel(sample) { settings.append("Class: \(label)") }
        return [
            PNG.Text("parameters", settings.joined(separator: ", ")), PNG.Text("Software", "diffd \(Release.version)"),
            PNG.Text("diffd", JSONNode(.object(entry(sample).members ?? [])).line),
        ]
    }

    private func classLabel(_ sample: Int) -> Int? { plan.classes.map { $0[sample % $0.count] } }

    private func entry(_ sample: Int) -> JSONNode {
        [
            "index": JSONNode(.integer(sample)), "seed": JSONNode(.integer(job.common.seed)),
            "class_label": classLabel(sample).map { JSONNode(.integer($0)) } ?? .null,
            "model_sha256": JSONNode(.string(modelDigest)),
        ]
    }

    /// What the manifest says of the samples and how they were drawn.
    func manifest(pipeline: PipelineDirectory, modelDigest: String) -> KeyValuePairs<String, JSONNode> {
        let files: JSONNode =
            switch shape {
            case .image:
                JSONNode(
                    .array(
                        (0..<plan.count).map { sample in
                            JSONNode(
                                .object(
                                    [.init("file", JSONNode(.string(Self.number(sample) + ".png")))]
                                        + (entry(sample).members ?? []).filter { $0.name != "model_sha256" }))
                        }))
            case .point: ["points.csv"]
            }
        return [
            "model": [
                "name": JSONNode(.string(modelName)), "path": JSONNode(.string(pipeline.path)),
                "class": JSONNode(.string(pipeline.configuration.className)),
                "sha256": JSONNode(.string(modelDigest)),
            ],
            "sampler": job.sampler.json, "scheduler": job.sampler.applied(to: pipeline.scheduler).json,
            "rng": JSONNode(.string(job.randomSource.rawValue)), "count": JSONNode(.integer(plan.count)),
            "batch_size": JSONNode(.integer(plan.batchSize)), "images": files,
        ]
    }
}
