public import Configurations
public import NeuralNet
public import TensorCore

/// The diffusion transformer (Peebles & Xie 2023), with the parameter names of diffusers' `DiTTransformer2DModel`.
public final class DiT: Denoiser {
    private let configuration: DiTConfiguration
    private let timeFeatures: SinusoidalEmbedding
    private let patches: PatchEmbedding
    private let blocks: Blocks
    private let normOut: LayerNorm
    /// Scale and shift of the last norm by timestep and class; nil where blocks are told them otherwise.
    private let modulation: Linear?
    private let out: Linear

    private enum Blocks {
        /// Each embeds timestep and class itself.
        case adaNormZero([AdaNormZeroBlock])
        case adaNorm(ConditionEmbedder, [AdaNormBlock])
        case crossAttention(ConditionEmbedder, [PlainBlock])
        case inContext(ConditionEmbedder, [PlainBlock])
    }

    /// - Parameter c: checked; a configuration that contradicts itself is a programmer's error here.
    public init(_ c: DiTConfiguration, on device: Device) {
        configuration = c
        timeFeatures = SinusoidalEmbedding(
            DiTConfiguration.timestepFeatures, cosinesFirst: true, downscaleFrequencyShift: Float(c.freqShift))
        patches = PatchEmbedding(c, on: device)
        func blocks<Block>(_ make: (DiTConfiguration, Device) -> Block) -> [Block] {
            (0..<c.numLayers).map { _ in make(c, device) }
        }
        let isAdaptive: Bool
        switch c.normType {
        case .adaNormZero:
            self.blocks = .adaNormZero(blocks { AdaNormZeroBlock($0, on: $1) })
            isAdaptive = true
        case .adaNorm:
            self.blocks = .adaNorm(ConditionEmbedder(c, on: device), blocks(AdaNormBlock.init))
            isAdaptive = true
        case .crossAttention:
            self.blocks = .crossAttention(ConditionEmbedder(c, on: device), blocks(PlainBlock.init))
            isAdaptive = false
        case .inContext:
            self.blocks = .inContext(ConditionEmbedder(c, on: device), blocks(PlainBlock.init))
            isAdaptive = false
        }
        normOut = LayerNorm(c.width, affine: !isAdaptive, epsilon: 1e-6, on: device)
        modulation = isAdaptive ? Linear(c.width, 2 * c.width, weights: .constant(0), isHidden: false, on: device) : nil
        out = Linear(
            c.width, c.patchSize * c.patchSize * c.outputChannels, weights: .constant(0), isHidden: false, on: device)
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("pos_embed", patches)
        switch blocks {
        case .adaNormZero(let blocks):
            visitor("transformer_blocks", blocks)
        case .adaNorm(let embedder, let blocks):
            visitor("emb", embedder)
            visitor("transformer_blocks", blocks)
        case .crossAttention(let embedder, let blocks), .inContext(let embedder, let blocks):
            visitor("emb", embedder)
            visitor("transformer_blocks", blocks)
        }
        visitor("norm_out", normOut)
        visitor("proj_out_1", modulation)
        visitor("proj_out_2", out)
    }

    public func callAsFunction(
        _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
    ) -> Tensor {
        let vectors = DiTVectors(features: timeFeatures(timesteps, on: x.device), labels: condition.classNumbers)
        let (tokens, height, width) = patches(x)  // (N, L, D)
        var h = tokens
        /// What the last norm is told (N, D).
        var c: Tensor?
        switch blocks {
        case .adaNormZero(let blocks):
            for (index, block) in blocks.enumerated() {
                let own = block.embed(vectors)  // (N, D)
                if index == 0 { c = own }
                h = .recomputable([h, own], dropout: dropout) {
                    block($0[0], $0[1], dropout: dropout)  // (N, L, D)
                }
            }
        case .adaNorm(let embedder, let blocks):
            let shared = embedder(vectors)  // (N, D)
            c = shared
            for block in blocks {
                h = .recomputable([h, shared], dropout: dropout) {
                    block($0[0], $0[1], dropout: dropout)  // (N, L, D)
                }
            }
        case .crossAttention(let embedder, let blocks):
            let context = embedder.tokens(vectors)  // (N, 2, D)
            for block in blocks {
                h = .recomputable([h, context], dropout: dropout) {
                    block($0[0], context: $0[1], dropout: dropout)  // (N, L, D)
                }
            }
        case .inContext(let embedder, let blocks):
            let context = embedder.tokens(vectors)  // (N, 2, D)
            h = .concatenated([context, h], axis: 1)  // (N, 2 + L, D)
            for block in blocks { h = .recomputable([h], dropout: dropout) { block($0[0], dropout: dropout) } }
            h = h.sliced(axis: 1, context.shape[1]..<h.shape[1])  // (N, L, D)
        }
        return out(lastNorm(h, c)).unpatched(height, width, patchSize: configuration.patchSize)  // (N, H, W, out)
    }

    private func lastNorm(_ h: Tensor, _ c: Tensor?) -> Tensor {
        guard let modulation, let c else { return normOut(h) }
        let m = modulation(c.silu()).vectors(2)
        return Modulation(shift: m[0], scale: m[1])(normOut, h)  // (N, L, D)
    }
}

extension DiT: HoldsConstants {
    /// The places of the patches, where they are not learned.
    package var constants: [(name: String, value: Tensor)] {
        patches.constant.map { [("pos_embed.pos_embed", $0)] } ?? []
    }
}

extension DiTConfiguration: DenoiserBuilder {
    public func makeDenoiser(numTrainTimesteps: Int, on device: Device) -> any Denoiser { DiT(self, on: device) }
}
