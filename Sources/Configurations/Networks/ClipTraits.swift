/// What a network of clips was made for.
public struct ClipTraits: Sendable, Hashable {
    /// Frames of a clip in training.
    public var sampleFrames: Int
    /// The longest clip that it may be asked for.
    public var maxFrames: Int
    /// Frames of a patch; 1 for a network without patches in time.
    public var patchSizeT: Int
    /// Which noise levels the frames of a clip have in training.
    public var frameNoise: FrameNoiseKind
    /// The timestep whose noise known frames have; 0: none at all.
    public var contextTimestep: Int
    /// Tokens of a clip of `sampleFrames`; nil for a network that has none.
    public var tokens: Int?

    public init(
        sampleFrames: Int, maxFrames: Int, patchSizeT: Int, frameNoise: FrameNoiseKind, contextTimestep: Int,
        tokens: Int?
    ) {
        (self.sampleFrames, self.maxFrames, self.patchSizeT) = (sampleFrames, maxFrames, patchSizeT)
        (self.frameNoise, self.contextTimestep, self.tokens) = (frameNoise, contextTimestep, tokens)
    }

    /// Whether it was trained with known frames among noisy ones.
    public var knowsContext: Bool { frameNoise != .shared }
}

/// Which noise levels the frames of a clip have in training.
public enum FrameNoiseKind: String, Sendable, CaseIterable {
    /// All the same one.
    case shared
    /// Some frames at either end are known: they have no noise, or that of `context_timestep`. In half of the clips all
    /// others have the same one, in the other half one each. Such a model extends clips.
    case context
    /// Each patch in time has one of its own (Chen et al. 2024, "Diffusion Forcing"). Such a model extends clips too.
    case independent
}
