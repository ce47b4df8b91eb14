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
