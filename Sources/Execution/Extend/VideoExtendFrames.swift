internal import Checkpoints
internal import Configurations
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Problems
internal import StrictJSON
internal import TensorCore

/// The clips that a video_extend job is given, brought to the size that the model works at, 8 bits deep.
struct GivenClips {
    private(set) var clips: [[Image]] = []
    /// Of new frames, and of given ones without times.
    let rate: FrameRate
    /// When the frames of each clip are shown, where that is not as `rate` says.
    private(set) var times: [FrameTimes?] = []
    /// Of all frames.
    let digest: String
    /// Of a frame.
    let frameBytes: Int
    var bytes: Int { frameBytes * clips.reduce(0) { $0 + $1.count } }

    /// - Throws: what is wrong with a file: `missing`, `corrupt`, `unsupported`; `invalid` where it is too long, or of another size
    ///   and must not be resized.
    ///
    /// - Parameter shape: of clips as they are shown.
    init(_ job: VideoExtendJob, shownAs shape: SampleShape, _ context: JobContext) throws {
        guard let (size, channels) = shape.frame else { preconditionFailure("only clips have frames") }
        frameBytes = size.height * size.width * channels
        var found: [Clip] = []
        let given = [(JobInput.Role.video, job.video)] + (job.to.map { [(.to, $0)] } ?? [])
        for (role, path) in given {
            let clip = try pointing(to: role.jsonPath) {
                let permitted = try context.permitted(path)
                if try context.files.status(permitted)?.kind == .directory {
                    for entry in try context.files.list(permitted).entries {
                        _ = try context.permitted(Path.join(permitted, entry.name))
                    }
                }
                return try Self.read(permitted, job, size, channels: channels, context)
            }
            for note in clip.notes { context.log("note: \(path): \(note)") }
            found.append(clip)
        }
        let wanted = job.fps.flatMap { FrameRate(perSecond: $0) }
        let own = found.lazy.compactMap { $0.rate ?? $0.times?.usualRate }.first
        guard let rate = job.fps == nil ? own ?? FrameRate(perSecond: ClipOptions.usualFPS) : wanted else {
            throw Problem(.invalid, "fps is out of bounds", remedy: "Use 0.1 to 1000.", path: "$.fps")
        }
        self.rate = rate
        for (clip, (_, path)) in zip(found, given) {
            guard let clipTimes = clip.times, clip.rate != rate else {
                clips.append(clip.frames)
                times.append(nil)
                continue
            }
            if job.fps == nil {
                clips.append(clip.frames)
                times.append(clipTimes)
                context.log("note: \(path): new frames last \(1 / rate.perSecond) s, given ones as long as they did.")
            } else {
                // Before they are counted one by one: a made-up file may claim to last for years.
                guard clipTimes.seconds * rate.perSecond <= Double(job.maxVideoFrames) else {
                    throw Problem(
                        .invalid, "at \(rate) frames a second the video has more than \(job.maxVideoFrames) frames",
                        remedy: "Lower fps, or raise max_video_frames.", path: "$.fps")
                }
                let chosen = clipTimes.resampled(to: rate)
                clips.append(chosen.map { clip.frames[$0] })
                times.append(nil)
                context.log(
                    "note: \(path): its \(clip.frames.count) frames are taken at \(rate) a second, as fps says: "
                        + "\(chosen.count) frames, of which \(Set(chosen).count) differ.")
            }
        }
        digest = try SHA256.digest(of: clips.flatMap { [UInt8(truncatingIfNeeded: $0.count)] + $0.flatMap(\.bytes) })
            .description
    }

    private static func read(
        _ path: String, _ job: VideoExtendJob, _ size: ImageSize, channels: Int, _ context: JobContext
    ) throws -> Clip {
        let clip = try VideoFile.read(
            path,
            limits: VideoLimits(frames: job.maxVideoFrames, image: JobContext.imageLimits(job.common))
        ) { frame in
            try context.stop.check()
            if !job.resize, (frame.height, frame.width) != (size.height, size.width) {
                throw Problem(
                    .invalid, "the clip's frames are \(frame.height)x\(frame.width), but the model works at \(size)",
                    remedy: "Set \"resize\" to true, or give a clip of that size.", file: path)
            }
            let fitted = frame.converted(toChannels: channels).centreFitted(width: size.width, height: size.height)
            return Image(width: size.width, height: size.height, channels: channels, bytes: fitted.bytes)
        }
        guard !clip.isCutOff else {
            throw Problem(
                .invalid, "the video has more than \(job.maxVideoFrames) frames",
                remedy: "Cut it, or raise max_video_frames.", file: path)
        }
        return clip
    }
}

/// The frames of a result: `outputs/frames/00000.png` and so on, without loss, so that an extension goes on from them with the same bits.
/// From latents, beside them, where the model works on those.
struct ExtendedFrames: SampleSink {
    static let directory = "frames"

    private let plan: ExtensionPlan
    private let codec: SampleCodec
    private let latents: WindowStore
    private let context: JobContext
    private let path: String

    private var device: Device { context.device }
    private var files: any FileSystem { context.files }

    init(_ plan: ExtensionPlan, _ codec: SampleCodec, latents: WindowStore, _ context: JobContext) {
        self.plan = plan
        self.codec = codec
        self.latents = latents
        self.context = context
        path = context.output(Self.directory)
    }

    private func path(_ place: Int) -> String { Path.join(path, ClipFile.frameName(place)) }

    /// Writes the given frames.
    func begin(_ clips: GivenClips) throws {
        try files.createDirectoriesDurably(path, mode: 0o770)
        try files.removeStaleTemporaries(in: path)
        for (places, clip) in zip(plan.given, clips.clips) { try write(Array(zip(places, clip))) }
    }

    /// Each batch is a window, (1, T, ..., c).
    func finish(batch window: Int, _ x: Tensor) throws {
        if codec.isLossy { try latents.save(x, window: window) }
        let shown = try pointing(to: "$.model") { try codec.shown(x) }
        let frames = Filmstrip.frames(of: shown[0], codec.shape)
        let first = plan.windows[window].places.lowerBound
        try write(plan.new(window).map { ($0, frames[$0 - first]) })
        try context.event(
            "window", ["number": JSONNode(.integer(window)), "total": JSONNode(.integer(plan.windows.count))])
    }

    func step(_ index: Int, batch: Int, _ x: Tensor) {}

    /// Frames and latents are durable as soon as they are written.
    func synchronize() {}

    private func write(_ frames: [(place: Int, frame: Image)]) throws {
        for (place, frame) in frames {
            try files.writeAtomically(PNG.encode(frame), to: path(place), mode: 0o660)
        }
        try files.synchronizeTree(path)
    }

    func areThere(batches windows: Int) throws -> Bool {
        try (0..<windows).allSatisfy { window in
            if codec.isLossy {
                do { _ = try latents.window(window, on: device) } catch let problem as Problem
                    where problem.code == .missing || problem.code == .corrupt
                { return false }
            }
            return try plan.new(window).allSatisfy { try files.exists(path($0)) }
        }
    }

    /// The known frames of a window.
    func given(window: Int, _ conditioning: GivenFrames.Conditioning) throws -> GivenFrames {
        let window = plan.windows[window]
        return GivenFrames(
            frames: try window.places.map { window.isKnown($0) ? try known($0) : nil }, conditioning: conditioning)
    }

    /// A frame that is given or made, as the model works on it.
    private func known(_ place: Int) throws -> [Float] {
        guard codec.isLossy, let window = plan.maker(of: place) else {
            return try codec.sample(of: ImageFile.read(path(place)), on: device)
        }
        let frame = place - plan.windows[window].places.lowerBound
        return try latents.window(window, on: device).sliced(axis: 1, frame..<frame + 1).array()
    }

    func all() throws -> [Image] { try (0..<plan.count).map { try ImageFile.read(path($0)) } }
}

/// A joint of given and new frames: the difference of the two frames beside it, in grey levels of 0 to 255, and the mean one of
/// neighbours within the given clip.
struct Seam: Hashable {
    /// The place of the first frame behind the joint.
    let place: Int
    let difference: Double
    /// Nil for a clip of one frame.
    let within: Double?

    static func all(of frames: [Image], given: [Range<Int>]) -> [Seam] {
        func difference(_ place: Int) -> Double {
            let (a, b) = (frames[place - 1].samples, frames[place].samples)
            return zip(a, b).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) } / Double(max(a.count, 1))
        }
        return given.flatMap { clip in
            let inner = clip.dropFirst().map(difference)
            let within = inner.isEmpty ? nil : inner.reduce(0, +) / Double(inner.count)
            return [clip.lowerBound, clip.upperBound].filter { $0 > 0 && $0 < frames.count }.map {
                Seam(place: $0, difference: difference($0), within: within)
            }
        }
    }

    var json: JSONNode {
        [
            "frame": JSONNode(.integer(place)), "difference": JSONNode(.number(difference)),
            "difference_within_clip": within.map { JSONNode(.number($0)) } ?? .null,
            "ratio": within.flatMap { $0 > 0 ? JSONNode(.number(difference / $0)) : nil } ?? .null,
        ]
    }
}
