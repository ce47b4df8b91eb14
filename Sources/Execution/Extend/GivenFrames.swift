internal import Configurations
internal import Diffusion
internal import JobSpec
internal import Problems
internal import Sampling
internal import TensorCore

/// Frames of a clip that are given, among those that a model makes.
struct GivenFrames: Sendable {
    /// How a model is told of them.
    enum Conditioning: Sendable {
        /// It was trained with known frames, which it sees as they are or with the noise of a timestep.
        case frameNoise(timestep: Int, NoiseLevel, patchSize: Int)
        /// They are put in their places after each step, as noisy as the rest.
        case replacement

        /// - Parameter wanted: nil: what the model was trained for.
        init(
            _ wanted: VideoExtendJob.Conditioning?, _ model: ClipTraits, _ scheduler: SchedulerConfiguration
        ) throws {
            switch wanted {
            case .replacement: self = .replacement
            case .frameNoise where !model.knowsContext:
                throw Problem(
                    .invalid, "the model was trained with frame_noise \"shared\", so it cannot be told of known frames",
                    remedy: "Use \"replacement\".", path: "$.conditioning")
            case nil where !model.knowsContext: self = .replacement
            case .frameNoise, nil:
                let schedule = try NoiseSchedule(scheduler)
                let t = model.contextTimestep
                let level =
                    t == 0
                    ? NoiseLevel(signal: 1, noise: 0)
                    : NoiseLevel(signal: schedule.signal(t), noise: schedule.noise(t))
                self = .frameNoise(timestep: t, level, patchSize: model.patchSizeT)
            }
        }
    }

    /// The frames of a clip in their order, as the model works on them (h, w, c); nil: to be made.
    let frames: [[Float]?]
    let conditioning: Conditioning

    /// - Parameters:
    ///   - clips: how many clips have these frames.
    ///   - shape: of a clip, as the model works on it.
    func pictures(clips: Int, _ shape: SampleShape, on device: Device) -> Editing.Pictures {
        let blank = [Float](repeating: 0, count: shape.elementCount / frames.count)
        let one = Tensor(frames.flatMap { $0 ?? blank }, shape: Shape([1] + shape.dimensions), on: device)
        let mask = Tensor(frames.map { $0 == nil ? 1 : 0 }, shape: [1, frames.count, 1, 1, 1], on: device)
        return Editing.Pictures(
            x0: .concatenated([Tensor](repeating: one, count: clips), axis: 0), mask: mask, knownFrames: known)
    }

    /// Nil where the model is not told.
    private var known: Editing.KnownFrames? {
        guard case .frameNoise(let timestep, let level, let patchSize) = conditioning else { return nil }
        // The frames of a patch have one timestep: all are known, or they are treated as if none were.
        let isKnown = frames.indices.map { frame in
            let first = frame / patchSize * patchSize
            return frames[first..<min(first + patchSize, frames.count)].allSatisfy { $0 != nil }
        }
        return isKnown.contains(true)
            ? Editing.KnownFrames(isKnown: isKnown, timestep: Float(timestep), level: level) : nil
    }
}

extension ClipOptions {
    /// The shape of clips with these options as the model works on them; `shape` is that of its training.
    func shape(
        of model: ModelConfiguration, _ shape: SampleShape, _ autoencoder: AutoencoderKLConfiguration?
    ) throws -> SampleShape {
        guard let clips = model.clips, case .video(let trained, let trainedSize, let channels) = shape else {
            let keys = [("frames", frames != nil), ("fps", fps != nil), ("image", image != nil)]
            if let key = keys.first(where: \.1)?.0 {
                throw Problem(
                    .invalid, "\(key) is given, but the model makes no video",
                    remedy: "Remove it, or use a model of the architecture \"video_dit\".", path: "$.\(key)")
            }
            return try size.map { try model.shape(ofPixels: $0, shape, autoencoder) } ?? shape
        }
        let frames = frames ?? trained
        try clips.check(frames: frames, path: "$.frames")
        let worked = try size.map { try model.size(ofPixels: $0, autoencoder) } ?? trainedSize
        return .video(frames: frames, worked, channels: channels)
    }
}

extension ClipTraits {
    func check(frames: Int, path: String) throws {
        guard frames > maxFrames else { return }
        throw Problem(
            .invalid, "a clip of \(frames) frames is longer than the \(maxFrames) that the model may be asked for",
            remedy: "Ask for fewer, or raise max_frames in the model's config.json.", path: path)
    }

}

extension ModelConfiguration {
    /// The shape of images of a size in pixels, as a model of latents works on them.
    func shape(
        ofPixels size: ImageSize, _ shape: SampleShape, _ autoencoder: AutoencoderKLConfiguration?
    ) throws -> SampleShape {
        guard autoencoder != nil, case .image(_, let channels) = shape else {
            throw Problem(
                .invalid, "size is given, but the model makes neither latents nor video, and so has one size",
                remedy: "Remove it.", path: "$.size")
        }
        return .image(try self.size(ofPixels: size, autoencoder), channels: channels)
    }

    /// The size of what the model works on, pixels or latents, for frames of a size in pixels.
    func size(ofPixels pixels: ImageSize, _ autoencoder: AutoencoderKLConfiguration?) throws -> ImageSize {
        let factor = autoencoder?.downsampling ?? 1
        let patch = factor * (network.patchSide ?? 1)
        guard pixels.height % patch == 0, pixels.width % patch == 0 else {
            throw Problem(
                .invalid, "images of \(pixels) are not filled by the model's patches of \(patch)x\(patch) pixels",
                remedy: "Use multiples of \(patch).", path: "$.size")
        }
        return ImageSize(height: pixels.height / factor, width: pixels.width / factor)
    }
}
