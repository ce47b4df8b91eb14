public import Configurations
public import NeuralNet
public import TensorCore

/// A diffusion transformer over space-time patches (Peebles & Xie 2023 for each frame; Ma et al. 2024, "Latte", over time).
///
/// Factorized, each block over the patches of a frame is followed by one over the frames at each place. The latter begin as the
/// identity and are left out of clips of one frame, so a `DiT`'s weights are a start, with which each frame is what the
/// `DiT` makes of it.
public final class VideoDiT: Denoiser {
    private let configuration: VideoDiTConfiguration
    private let timeFeatures: SinusoidalEmbedding
    private let patches: PatchEmbedding
    private let blocks: [AdaNormZeroBlock]
    /// As many, or none where all patches of a clip see each other.
    private let temporalBlocks: [AdaNormZeroBlock]
    private let normOut: LayerNorm
    private let modulation: Linear
    private let out: Linear

    /// - Parameter c: checked; a configuration that contradicts itself is a programmer's error here.
    public init(_ c: VideoDiTConfiguration, on device: Device) {
        configuration = c
        let spatial = c.spatial
        timeFeatures = SinusoidalEmbedding(
            DiTConfiguration.timestepFeatures, cosinesFirst: true, downscaleFrequencyShift: Float(spatial.freqShift))
        patches = PatchEmbedding(spatial, on: device)
        func block() -> AdaNormZeroBlock { AdaNormZeroBlock(spatial, isMixing: c.mixFFN, on: device) }
        blocks = (0..<c.numLayers).map { _ in block() }
        temporalBlocks = c.attention == .factorized ? (0..<c.numLayers).map { _ in block() } : []
        normOut = LayerNorm(spatial.width, affine: false, epsilon: 1e-6, on: device)
        modulation = Linear(spatial.width, 2 * spatial.width, weights: .constant(0), isHidden: false, on: device)
        out = Linear(
            spatial.width, c.patchSize * c.patchSize * spatial.outputChannels, weights: .constant(0), isHidden: false,
            on: device)
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("pos_embed", patches)
        visitor("transformer_blocks", blocks)
        visitor("temporal_blocks", temporalBlocks)
        visitor("norm_out", normOut)
        visitor("proj_out_1", modulation)
        visitor("proj_out_2", out)
    }

    /// - Parameters:
    ///   - x: (N, T, H, W, C).
    ///   - timesteps: one for each clip, or one for each frame of each. The frames of a patch have one.
    public func callAsFunction(
        _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
    ) -> Tensor {
        let (clips, frames) = (x.shape[0], configuration.patches(frames: x.shape[1]))  // N, T
        let pictures = x.foldingFrames(configuration.patchSizeT)  // (N T, H, W, C)
        let vectors = DiTVectors(
            features: timeFeatures(levels(timesteps, of: x.shape), on: x.device),
            labels: condition.classNumbers?.flatMap { [Int](repeating: $0, count: frames) })
        let (tokens, height, width) = patches(pictures)  // (N T, L, D)
        let grid = TokenGrid(rows: height, columns: width)
        let places = TimePositions.table(frames, width: tokens.shape.last, on: x.device)  // (T, D)
        let isFull = configuration.attention == .full
        var h = isFull ? tokens.adding(places, toFramesOf: clips) : tokens
        /// What the last norm is told (N T, D).
        var c: Tensor?
        for (index, block) in blocks.enumerated() {
            let own = block.embed(vectors)  // (N T, D)
            if index == 0 { c = own }
            h = .recomputable([h, own], dropout: dropout) {
                block($0[0], $0[1], grid: grid, dropout: dropout) { tokens, attention in
                    isFull ? tokens.among(clips: clips, attention) : attention(tokens)
                }
            }
            guard !temporalBlocks.isEmpty, frames > 1 else { continue }
            let temporal = temporalBlocks[index]
            h = .recomputable([h, temporal.embed(vectors)], dropout: dropout) {
                temporal($0[0], $0[1], grid: grid, dropout: dropout) { tokens, attention in
                    tokens.overTime(clips: clips) { attention($0 + places) }
                }
            }
        }
        if let c {
            let m = modulation(c.silu()).vectors(2)
            h = Modulation(shift: m[0], scale: m[1])(normOut, h)  // (N T, L, D)
        }
        return out(h).unpatched(height, width, patchSize: configuration.patchSize)  // (N T, H, W, C)
            .unfoldingFrames(configuration.patchSizeT, of: x.shape)  // (N, T, H, W, C)
    }

    /// A timestep for each patch in time of clips of the shape (N, T, H, W, C).
    private func levels(_ timesteps: [Float], of shape: Shape) -> [Float] {
        let patches = configuration.patches(frames: shape[1])
        if timesteps.count == shape[0] { return timesteps.flatMap { [Float](repeating: $0, count: patches) } }
        precondition(timesteps.count == shape[0] * shape[1], "\(timesteps.count) timesteps for \(shape)")
        return (0..<shape[0]).flatMap { clip in
            (0..<patches).map { timesteps[clip * shape[1] + $0 * configuration.patchSizeT] }
        }
    }
}

extension VideoDiT: HoldsConstants {
    /// The places of the patches of a frame.
    package var constants: [(name: String, value: Tensor)] {
        patches.constant.map { [("pos_embed.pos_embed", $0)] } ?? []
    }
}

extension VideoDiTConfiguration: DenoiserBuilder {
    public func makeDenoiser(numTrainTimesteps: Int, on device: Device) -> any Denoiser { VideoDiT(self, on: device) }
}
