internal import Configurations

/// The families of models that their users share as single files, and what their tensors do not tell.
public enum ModelFamily: String, Sendable, CaseIterable {
    case stableDiffusion1 = "Stable Diffusion 1"
    case stableDiffusion2 = "Stable Diffusion 2"
    case stableDiffusionXL = "Stable Diffusion XL"
    /// For the last, least noisy steps of Stable Diffusion XL.
    case stableDiffusionXLRefiner = "Stable Diffusion XL refiner"
    case upscaler = "Stable Diffusion x4 upscaler"

    /// Brings the autoencoder's latents to a standard deviation of about 1.
    var scalingFactor: Double {
        switch self {
        case .stableDiffusion1, .stableDiffusion2: 0.18215
        case .stableDiffusionXL, .stableDiffusionXLRefiner: 0.13025
        case .upscaler: 0.08333
        }
    }

    /// Height and width of the pictures that the autoencoder was made for.
    var autoencoderSize: Int {
        switch self {
        case .stableDiffusion1: 512
        case .stableDiffusion2: 768
        case .stableDiffusionXL, .stableDiffusionXLRefiner: 1024
        case .upscaler: 256
        }
    }

    /// Height and width of the latents that the U-Net was made for.
    func sampleSize(_ prediction: SchedulerConfiguration.PredictionType) -> Int {
        switch self {
        case .stableDiffusion1: 64
        // The models of 768 x 768 pixels predict v, those of 512 x 512 the noise.
        case .stableDiffusion2: prediction == .vPrediction ? 96 : 64
        case .stableDiffusionXL, .stableDiffusionXLRefiner, .upscaler: 128
        }
    }

    /// Attention heads of a U-Net's level.
    func heads(for channels: Int) -> Int {
        switch self {
        case .stableDiffusion1, .upscaler: 8
        case .stableDiffusion2, .stableDiffusionXL, .stableDiffusionXLRefiner: Self.heads(ofWidth: channels)
        }
    }

    /// Heads of 64 features, as in all text encoders.
    static func heads(ofWidth width: Int) -> Int { max(1, width / 64) }

    /// Groups of the group norms: 32, and fewer where 32 do not divide all levels.
    static func groups(for channels: [Int]) -> Int {
        channels.reduce(32) { a, b in
            var (a, b) = (a, b)
            while b > 0 { (a, b) = (b, a % b) }
            return a
        }
    }

    /// Numbers beside the text that are added to the time embedding: original size, crop and target size, or original
    /// size, crop and an aesthetic score.
    var addedNumbers: Int? {
        switch self {
        case .stableDiffusionXL: 6
        case .stableDiffusionXLRefiner: 5
        case .stableDiffusion1, .stableDiffusion2, .upscaler: nil
        }
    }

    /// How it makes images of prompts.
    var textPipeline: TextPipeline {
        switch self {
        case .stableDiffusion1, .stableDiffusion2: TextPipeline(.stableDiffusion)
        case .stableDiffusionXL: TextPipeline(.stableDiffusionXL)
        case .stableDiffusionXLRefiner:
            TextPipeline(.stableDiffusionXL, forcesZerosForEmptyPrompt: false, requiresAestheticsScore: true)
        case .upscaler: TextPipeline(.upscaler)
        }
    }
}
