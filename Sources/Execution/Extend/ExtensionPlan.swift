internal import Configurations
internal import JobSpec
internal import Problems

/// Which frames a video_extend job makes in which order: windows that slide over what is known and what is to be made. Places are
/// those of the result.
struct ExtensionPlan: Hashable {
    struct Window: Hashable {
        /// What the model sees at once. Frames outside the result are made and left out.
        let places: Range<Int>
        /// The others are made.
        let known: [Range<Int>]

        func isKnown(_ place: Int) -> Bool { known.contains { $0.contains(place) } }
    }

    /// Frames of the result.
    let count: Int
    /// Where the given clips lie.
    let given: [Range<Int>]
    let windows: [Window]

    /// - Parameter lengths: of the given clips: one, or two for what lies between them.
    /// - Throws: `invalid` where the numbers of frames don't fit clips or model.
    init(_ job: VideoExtendJob, lengths: [Int], _ model: ClipTraits) throws {
        let patch = model.patchSizeT
        let window = job.windowFrames ?? model.sampleFrames
        let shortest = lengths.min() ?? 0
        let context = job.contextFrames ?? min(window / 2, shortest) / patch * patch
        guard context <= shortest else {
            throw Self.problem(
                "context_frames is \(context), but the clip has \(shortest) frames", "Lower it, or give a longer clip.")
        }
        guard context > 0 else {
            throw job.contextFrames == nil
                ? Self.problem(
                    "half of a window of \(window.of("frame")) holds no patch of \(patch.of("frame"))",
                    "Use longer windows: window_frames of \(2 * patch) or more.", "$.window_frames")
                : Self.problem("context_frames is 0", "Give \(patch) or a multiple of it.")
        }
        guard context % patch == 0 else {
            throw Self.problem(
                "\(context) known frames do not fill patches of \(patch) frames", "Use a multiple of \(patch).")
        }
        let frames = job.frames
        switch job.direction {
        case .between:
            let all = 2 * context + frames
            guard all % patch == 0 else {
                throw Self.problem(
                    "\(all) frames, known and new, do not fill patches of \(patch)", "Change frames.", "$.frames")
            }
            try model.check(frames: all, path: "$.frames")
            let (first, second) = (lengths[0], lengths[1])
            count = first + frames + second
            given = [0..<first, first + frames..<count]
            windows = [
                Window(
                    places: first - context..<first + frames + context,
                    known: [first - context..<first, first + frames..<first + frames + context])
            ]
        case .forward, .backward, .both:
            guard window > context else {
                throw Self.problem(
                    "a window of \(window.of("frame")) with \(context) known ones leaves none to be made",
                    job.windowFrames == nil
                        ? "The model's clips have so many: lower context_frames."
                        : "Raise window_frames above \(context).",
                    job.windowFrames == nil ? "$.context_frames" : "$.window_frames")
            }
            guard window % patch == 0 else {
                throw Self.problem(
                    "a window of \(window) frames does not consist of patches of \(patch)",
                    "Use a multiple of \(patch).", "$.window_frames")
            }
            try model.check(frames: window, path: "$.window_frames")
            let first = job.direction == .forward ? 0 : frames
            let end = first + lengths[0]
            count = end + (job.direction == .backward ? 0 : frames)
            given = [first..<end]
            let new = window - context
            let forward = stride(from: end, to: count, by: new).map { place in
                Window(places: place - context..<place + new, known: [place - context..<place])
            }
            let backward = stride(from: first, to: 0, by: -new).map { place in
                Window(places: place - new..<place + context, known: [place..<place + context])
            }
            windows = forward + backward
        }
    }

    /// Frames of a window; all have as many.
    var windowLength: Int { windows[0].places.count }

    /// The places whose frames a window makes for the result.
    func new(_ window: Int) -> [Int] {
        windows[window].places.filter { !windows[window].isKnown($0) && (0..<count).contains($0) }
    }

    /// The window that makes the frame at a place; nil for given ones.
    func maker(of place: Int) -> Int? { windows.indices.first { new($0).contains(place) } }

    private static func problem(_ message: String, _ remedy: String, _ path: String = "$.context_frames") -> Problem {
        Problem(.invalid, message, remedy: remedy, path: path)
    }
}
