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

/// The files of a sample or img2img job: a PNG for each picture, or a table and a plot for points; the grid, the animation, and what the
/// manifest says of them.
///
/// What is only needed until the last sample is drawn, points of a batch and frames of the animation, lies beside the
/// sampling's state. All is a function of job and model: an attempt that repeats another's work writes the same bytes.
struct SampleOutputs: SampleSink {
    private let drawing: Drawing
    private let sweep: Sweep?
    private let record: SampleRecord
    private let output: OutputOptions
    private let codec: SampleCodec
    private let modelDigest: String
    /// That of each clip, where it is given.
    private let firstFrame: Image?
    private let context: JobContext
    private let points: TrainingPoints?
    /// Steps of the first batch after which a frame of the animation is kept.
    private let frameSteps: Set<Int>
    private let clipFile: ClipFile

    /// More pictures than this make no grid that anybody could look at.
    private static let largestGrid = 1024

    init(
        _ drawing: Drawing, sweep: Sweep?, _ codec: SampleCodec, _ pipeline: Pipeline, _ additions: ModelAdditions,
        _ texts: TextConditions?, modelDigest: String, firstFrame: Image?, _ context: JobContext
    ) throws {
        self.firstFrame = firstFrame
        self.drawing = drawing
        self.sweep = sweep
        output = drawing.parts[0].request.options.output
        self.codec = codec
        self.modelDigest = modelDigest
        self.context = context
        points = try TrainingPoints(modelDirectory: pipeline.path, in: context.files)
        let fps = drawing.parts[0].request.clip.fps ?? ClipOptions.usualFPS
        guard let rate = FrameRate(perSecond: fps) else {
            throw Problem(
                .invalid, "\(fps) frames a second are out of bounds", remedy: "Use 0.1 to 1000.", path: "$.fps")
        }
        let clipFile = ClipFile(output.video, rate)
        self.clipFile = clipFile
        let makesClips = if case .video = codec.shape { true } else { false }
        record = SampleRecord(
            drawing: drawing, sweep: sweep, pipeline: pipeline, additions: additions, modelDigest: modelDigest,
            conditions: texts, shape: codec.shape, framesPerSecond: makesClips ? rate.perSecond : nil,
            ranges: { batch in
                let path = Self.rangesPath(batch, context)
                guard try context.files.exists(path) else { return [] }
                return try JSONText.decode(
                    [SampleRange].self, from: context.files.read(path, limit: 1 << 24), file: path)
            },
            fileName: { makesClips ? clipFile.name(Self.number($0)) : Self.pictureName($0) })
        let steps = drawing.parts[0].plan.stepsPerBatch
        let frames = min(output.animationFrames, steps)
        frameSteps = output.animation == nil ? [] : Set((1...frames).map { $0 * steps / frames })
        if !frameSteps.isEmpty { try context.files.createDirectoriesDurably(frameDirectory, mode: 0o770) }
    }

    /// Of what is shown.
    private var shape: SampleShape { codec.shape }
    /// What the manifest says.
    func manifest() throws -> KeyValuePairs<String, JSONNode> { try record.manifest() }

    private static func number(_ index: Int) -> String {
        let digits = String(index)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    private static func pictureName(_ sample: Int) -> String { number(sample) + ".png" }
    private func picturePath(_ sample: Int) -> String { context.output(Self.pictureName(sample)) }
    /// A few frames of a clip.
    private func stripPath(_ sample: Int) -> String {
        Path.join(context.checkpoints, "strip-\(Self.number(sample)).png")
    }
    private func pointsPath(_ batch: Int) -> String {
        Path.join(context.checkpoints, "points-\(Self.number(batch)).csv")
    }
    private var frameDirectory: String { Path.join(context.checkpoints, "frames") }
    private var frameLatents: WindowStore {
        WindowStore(frameDirectory, fingerprint: modelDigest, in: context.files)
    }
    private func framePath(_ step: Int) -> String { Path.join(frameDirectory, Self.number(step) + ".png") }

    func areThere(batches: Int) throws -> Bool {
        try (0..<batches).allSatisfy { batch in
            switch shape {
            case .image: try samples(of: batch).allSatisfy { try context.files.exists(picturePath($0)) }
            case .video:
                try samples(of: batch).allSatisfy {
                    let clip = context.output(clipFile.name(Self.number($0)))
                    return try context.files.exists(clip) && context.files.exists(stripPath($0))
                }
            case .point: try context.files.exists(pointsPath(batch))
            }
        }
    }

    private func samples(of batch: Int) -> Range<Int> { drawing.part(ofBatch: batch).samples(of: batch) }

    // MARK: - While sampling

    func finish(batch: Int, _ x: Tensor) throws {
        let numbers = samples(of: batch)
        var ranges: [SampleRange] = []
        var lines = ""
        for (number, sample) in zip(numbers, x.singles) {
            let values = try pointing(to: "$.model") { try codec.shown(sample)[0] }
            ranges.append(SampleRange(values))
            switch shape {
            case .image: try writePicture(values, number)
            case .video: try writeClip(values, number)
            case .point: lines += try line(of: values, batch)
            }
        }
        if case .point = shape {
            try context.write(Array(lines.utf8), to: pointsPath(batch))
        } else {
            try note(ranges, batch)
        }
        try context.event(
            "samples",
            [
                "first": JSONNode(.integer(numbers.lowerBound)), "count": JSONNode(.integer(numbers.count)),
                "saturated": JSONNode(.array(ranges.map { JSONNode(.number($0.saturated)) })),
            ])
    }

    private func writePicture(_ values: [Float], _ number: Int) throws {
        let original = try original(of: number)
        var picture = picture(codec.isLossy ? original?.restored(values) ?? values : values)
        if let alpha = original?.alpha { picture = picture.withAlpha(alpha) }
        try context.write(PNG.encode(picture, texts: record.texts(number)), to: picturePath(number))
    }

    private func writeClip(_ values: [Float], _ number: Int) throws {
        var frames = Filmstrip.frames(of: values, shape)
        // An autoencoder has changed it a little.
        if let firstFrame { frames[0] = firstFrame }
        try clipFile.write(frames, Self.number(number), context)
        try context.write(PNG.encode(Filmstrip.picture([frames])), to: stripPath(number))
    }

    private func line(of values: [Float], _ batch: Int) throws -> String {
        let point = restored(values)
        guard point.allSatisfy(\.isFinite) else {
            throw Problem(
                .numerical, "points of batch \(batch) lie farther out than 32 bits hold",
                remedy: "Use the noise schedule that the model was trained with, or another sampler.",
                path: "$.sampler")
        }
        return point.map { "\($0)" }.joined(separator: ",") + "\n"
    }

    /// Keeps how far the samples of a batch go, for the manifest, and warns of what is unusual.
    private func note(_ ranges: [SampleRange], _ batch: Int) throws {
        try context.files.writeAtomically(JSONText.encode(ranges), to: Self.rangesPath(batch, context), mode: 0o660)
        for (number, range) in zip(samples(of: batch), ranges) {
            if let warning = range.warning(number) { context.log("warning: \(warning)") }
        }
    }

    private static func rangesPath(_ batch: Int, _ context: JobContext) -> String {
        Path.join(context.checkpoints, "ranges-\(number(batch)).json")
    }

    /// Keeps a frame of the animation, which shows the first batch. Latents are decoded at the end, when the denoiser
    /// has left.
    func step(_ index: Int, batch: Int, _ x: Tensor) throws {
        guard batch == 0, frameSteps.contains(index) else { return }
        if codec.isLossy { return try frameLatents.save(x, window: index) }
        try context.files.writeAtomically(PNG.encode(frame(index, x)), to: framePath(index), mode: 0o660)
    }

    private func frame(_ index: Int, _ x: Tensor) throws -> Image {
        let samples = try codec.shown(x)
        switch shape {
        case .image: return .grid(samples.map(picture))
        case .video: return Filmstrip.picture(samples.map { Filmstrip.frames(of: $0, shape) })
        case .point:
            return try plot(samples.map(restored), title: "step \(index) of \(drawing.parts[0].plan.stepsPerBatch)")
        }
    }

    /// The frame after a step; nil for one that somebody has removed.
    private func keptFrame(_ index: Int) throws -> Image? {
        guard codec.isLossy else {
            return try context.files.exists(framePath(index)) ? ImageFile.read(framePath(index)) : nil
        }
        do { return try frame(index, frameLatents.window(index, on: context.device)) } catch let problem as Problem
            where problem.code == .missing
        { return nil }
    }

    /// Makes the frames kept so far durable; all else is when it is written.
    func synchronize() throws {
        if !frameSteps.isEmpty { try context.files.synchronizeTree(frameDirectory) }
    }

    private func picture(_ values: [Float]) -> Image {
        let d = shape.dimensions
        return Image(width: d[1], height: d[0], channels: d[2], signed: values)
    }

    /// The picture that a sample was made from.
    private func original(of sample: Int) throws -> EditedPictures.Fitted? {
        let d = shape.dimensions
        return try drawing.part(ofSample: sample).request.edits?.fitted(
            of: sample, width: d[1], height: d[0], channels: d[2])
    }

    /// A sample in the data's own coordinates, where the model knows them.
    private func restored(_ sample: [Float]) -> [Float] { points?.restored(sample) ?? sample }

    /// Restored samples, over the training points where the model has them.
    private func plot(_ restored: [[Float]], title: String) throws -> Image {
        if let points { return try points.plot(restored: restored, title: title) }
        let own = restored.map { Point(Double($0[0]), $0.count > 1 ? Double($0[1]) : 0) }
        let series = Plot.Series("samples", as: .discs(radius: 2), points: own, colour: .blue)
        return try Plot(title, yScale: .equal, series: [series]).image()
    }

    // MARK: - At the end

    /// Writes what is made of all samples together.
    func finish() throws {
        switch shape {
        case .image where !output.grid, .video where !output.grid: break
        case .image where drawing.sampleCount > Self.largestGrid, .video where drawing.sampleCount > Self.largestGrid:
            context.log(
                "no grid.png: \(drawing.sampleCount) pictures are more than the \(Self.largestGrid) it can hold")
        case .image:
            let pictures = try (0..<drawing.sampleCount).map { try read(picturePath($0)) }
            try context.write(PNG.encode(grid(pictures)), to: context.output("grid.png"))
        case .video:
            let strips = try (0..<drawing.sampleCount).map { try read(stripPath($0)) }
            try context.write(PNG.encode(.grid(strips, columns: 1, padding: 0)), to: context.output("grid.png"))
        case .point: try finishPoints()
        }
        guard !frameSteps.isEmpty else { return }
        let frames = try frameSteps.sorted().compactMap(keptFrame)
        if !frames.isEmpty {
            try context.write(GIF.encode(frames, delay: 0.08, lastDelay: 2), to: context.output("animation.gif"))
        }
    }

    private func read(_ path: String) throws -> Image {
        try context.stop.check()
        return try ImageFile.read(path)
    }

    private func grid(_ pictures: [Image]) throws -> Image {
        guard let sweep else { return .grid(pictures) }
        func labels(_ axis: Sweep.Axis) -> (name: String, values: [String]) {
            (axis.key, axis.values.map { $0.string ?? $0.line })
        }
        return try .grid(pictures, columns: labels(sweep.columns), rows: sweep.rows.map(labels))
    }

    private func finishPoints() throws {
        let table = try (0..<drawing.batchCount).flatMap { try context.files.read(pointsPath($0), limit: 1 << 30) }
        try context.write(table, to: context.output("points.csv"))
        let rows = String(decoding: table, as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: ",").compactMap { Float($0) }
        }
        let plot = try plot(rows, title: "\(rows.count) samples of \(drawing.parts[0].request.options.model)")
        try context.write(PNG.encode(plot), to: context.output("scatter.png"))
    }
}
