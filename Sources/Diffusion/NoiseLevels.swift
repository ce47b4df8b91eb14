public import Configurations
public import TensorCore

/// The timesteps of a batch in training: one for each sample, or, in clips whose frames have levels of their own, one for each frame.
public struct NoiseLevels: Sendable, Hashable {
    /// For each sample, or for each frame of each sample.
    public var timesteps: [Int]
    /// Whether a frame is known: nothing is learned from it. Empty where whole samples have levels.
    public var isKnown: [Bool] = []
    /// Whether known frames have the noise of their timestep; otherwise they have none.
    public var knownHaveNoise = false

    /// The timesteps of samples.
    public init(timesteps: [Int]) { self.timesteps = timesteps }

    /// A batch with an entry of the first axis for each timestep: (N, ...) or (N T, ...).
    fileprivate func rows(_ x: Tensor) -> Tensor {
        if timesteps.count == x.shape[0] { return x }
        precondition(timesteps.count == x.shape[0] * x.shape[1], "\(timesteps.count) timesteps for \(x.shape)")
        return x.reshaped(to: Shape([timesteps.count] + Array(x.shape)[2...]))
    }
}

/// How training draws the noise levels of clips (Chen et al. 2024, "Diffusion Forcing").
public struct FrameNoise: Sendable, Hashable {
    public var kind: FrameNoiseKind
    /// Whose noise known frames have; 0: none at all.
    public var contextTimestep: Int
    /// Frames that have one level.
    public var patchSize: Int

    public init(_ clips: ClipTraits) {
        (kind, contextTimestep, patchSize) = (clips.frameNoise, clips.contextTimestep, clips.patchSizeT)
    }

    /// Timesteps of a clip's patches in time, the first of which is `t`, and which patches are known.
    ///
    /// - Parameter count: T of the schedule.
    func draw(_ t: Int, patches: Int, of count: Int, _ random: inout Philox) -> (timesteps: [Int], isKnown: [Bool]) {
        switch kind {
        case .shared: return ([Int](repeating: t, count: patches), [Bool](repeating: false, count: patches))
        case .independent:
            return (
                [t] + (1..<patches).map { _ in random.integer(below: count) }, [Bool](repeating: false, count: patches)
            )
        case .context:
            let (first, last) = Self.known(of: patches, &random)
            let isKnown = (0..<patches).map { $0 < first || $0 >= patches - last }
            // With one level for all, frames learn late to look at each other, and with a level each they never make many at once.
            let isShared = random.integer(below: 2) == 0
            let timesteps = isKnown.map { isKnown in
                isKnown ? contextTimestep : isShared ? t : random.integer(below: count)
            }
            return (timesteps, isKnown)
        }
    }

    /// How many patches are known at the beginning and at the end of a clip: one clip in eight has none, four have some at the beginning,
    /// two at the end, one at both.
    private static func known(of patches: Int, _ random: inout Philox) -> (first: Int, last: Int) {
        let kind = random.integer(below: 8)
        guard kind > 0, patches > 1 else { return (0, 0) }
        let count = 1 + random.integer(below: patches - 1)
        switch kind {
        case 1...4: return (count, 0)
        case 5, 6: return (0, count)
        default: return count == 1 ? (1, 0) : (count - count / 2, count / 2)
        }
    }
}

extension Objective {
    /// The noise levels of samples of a step's batch (Ho et al. 2020, algorithm 1, line 3), each a function of the seed, the step and the
    /// sample's number alone.
    ///
    /// - Parameter shape: of the batch, (N, ...); of clips (N, T, H, W, C).
    public func levels(
        for shape: Shape, seed: UInt64, purpose: Philox.Purpose = .timesteps, step: Int, samples: Range<Int>
    ) -> NoiseLevels {
        guard let frameNoise, frameNoise.kind != .shared else {
            return NoiseLevels(timesteps: timesteps(seed: seed, purpose: purpose, step: step, samples: samples))
        }
        let patches = (shape[1] + frameNoise.patchSize - 1) / frameNoise.patchSize
        var levels = NoiseLevels(timesteps: [])
        levels.knownHaveNoise = frameNoise.contextTimestep > 0
        for sample in samples {
            var random = Philox(seed: seed, purpose: purpose, step: step, sample: sample)
            let t = random.integer(below: schedule.count)
            let drawn = frameNoise.draw(t, patches: patches, of: schedule.count, &random)
            for frame in 0..<shape[1] {
                levels.timesteps.append(drawn.timesteps[frame / frameNoise.patchSize])
                levels.isKnown.append(drawn.isKnown[frame / frameNoise.patchSize])
            }
        }
        return levels
    }

    /// x_t of a batch at its levels. Shaped as `x0`.
    public func addNoise(_ x0: Tensor, _ noise: Tensor, at levels: NoiseLevels) -> Tensor {
        let (rows, noiseRows) = (levels.rows(x0), levels.rows(noise))
        guard levels.isKnown.contains(true), !levels.knownHaveNoise else {
            return schedule.addNoise(rows, noiseRows, at: levels.timesteps).reshaped(to: x0.shape)
        }
        let signal = schedule.column(levels.timesteps, like: rows, schedule.signal)
        let share = schedule.column(levels.timesteps, like: rows, schedule.noise)
        let isNew = Tensor(levels.isKnown.map { $0 ? 0 : 1 }, shape: signal.shape, on: x0.device)
        let signals = signal * isNew + (1 - isNew)
        return (signals * rows + share * isNew * noiseRows).reshaped(to: x0.shape)
    }

    /// The loss of a model's output for x_t = `addNoise(x0, noise, at: levels)`: of the frames that are not known.
    public func callAsFunction(
        _ output: Tensor, x0: Tensor, noise: Tensor, xt: Tensor, at levels: NoiseLevels
    ) -> Tensor {
        let new = levels.isKnown.count { !$0 }
        guard new < levels.isKnown.count else {
            return self(
                levels.rows(output), x0: levels.rows(x0), noise: levels.rows(noise), xt: levels.rows(xt),
                at: levels.timesteps)
        }
        // The mean over those frames; some are always new.
        let scale = Float(levels.isKnown.count) / Float(new)
        let target = target(levels.rows(x0), levels.rows(noise), at: levels.timesteps)
        let weights = zip(levels.timesteps, levels.isKnown).map { $1 ? 0 : Float(weight(at: $0)) * scale }
        return distance(levels.rows(output), target, weights: weights)
    }
}
