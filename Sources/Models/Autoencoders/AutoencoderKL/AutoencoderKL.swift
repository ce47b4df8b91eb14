public import Configurations
public import NeuralNet
public import TensorCore

/// The autoencoder of latent diffusion (Rombach et al. 2022, section 3.1) with the names of diffusers' `AutoencoderKL`.
public final class AutoencoderKL: Module {
    public internal(set) var configuration: AutoencoderKLConfiguration
    let encoder: Encoder
    let decoder: Decoder
    let quantConv: Convolution2D?
    let postQuantConv: Convolution2D?

    /// - Parameter c: checked; a configuration that contradicts itself is a programmer's error here.
    public init(_ c: AutoencoderKLConfiguration, on device: Device) {
        configuration = c
        encoder = Encoder(c, on: device)
        decoder = Decoder(c, on: device)
        let latents = c.latentChannels
        quantConv =
            c.useQuantConv ? Convolution2D(2 * latents, 2 * latents, kernel: 1, isHidden: false, on: device) : nil
        postQuantConv =
            c.usePostQuantConv ? Convolution2D(latents, latents, kernel: 1, isHidden: false, on: device) : nil
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("encoder", encoder)
        visitor("decoder", decoder)
        visitor("quant_conv", quantConv)
        visitor("post_quant_conv", postQuantConv)
    }

    /// What the latents of pictures may be.
    ///
    /// - Parameter x: (N, H, W, C) in [-1, 1], H and W multiples of `configuration.downsampling`.
    public func encode(_ x: Tensor) -> LatentDistribution {
        let h = encoder(x)  // (N, h, w, 2 latent)
        return LatentDistribution(parameters: quantConv?(h) ?? h)
    }

    /// Pictures (N, H, W, C) from latents (N, h, w, latent) that are not scaled.
    public func decode(_ z: Tensor) -> Tensor { decoder(postQuantConv?(z) ?? z) }

    // MARK: - As a diffusion model sees latents

    /// Latents times the scaling factor, after what is subtracted.
    public func scaled(_ z: Tensor) -> Tensor {
        let (mean, deviation) = statistics
        let factor = Float(configuration.scalingFactor)
        guard mean != nil || deviation != nil else {
            return z.scaled(by: factor, offset: -Float(configuration.shiftFactor ?? 0) * factor)
        }
        let centred = mean.map { z - $0 } ?? z
        return (deviation.map { centred / $0 } ?? centred) * factor
    }

    /// The standard deviation of scaled latents, for that of latents.
    public func scaledDeviation(_ deviation: Tensor) -> Tensor {
        (statistics.deviation.map { deviation / $0 } ?? deviation) * Float(configuration.scalingFactor)
    }

    /// The latents that `scaled` made these of.
    public func unscaled(_ z: Tensor) -> Tensor {
        let (mean, deviation) = statistics
        let factor = 1 / Float(configuration.scalingFactor)
        guard mean != nil || deviation != nil else {
            return z.scaled(by: factor, offset: Float(configuration.shiftFactor ?? 0))
        }
        let spread = deviation.map { z * $0 } ?? z
        let grown = spread * factor
        return mean.map { grown + $0 } ?? grown
    }

    /// Mean and deviation of each channel, where they are given (latent).
    private var statistics: (mean: Tensor?, deviation: Tensor?) {
        func tensor(_ values: [Double]?) -> Tensor? {
            guard let values, let device = parameters.first?.parameter.device else { return nil }
            return Tensor(values.map { Float($0) }, shape: [values.count], on: device)
        }
        return (tensor(configuration.latentsMean), tensor(configuration.latentsStd))
    }
}

/// A normal distribution of each latent by itself: mean and log-variance (N, h, w, latent).
public struct LatentDistribution {
    public let mean: Tensor
    public let logVariance: Tensor

    /// - Parameter parameters: (N, h, w, 2 latent), means first.
    init(parameters: Tensor) {
        let channels = parameters.shape[3] / 2
        mean = parameters.sliced(axis: 3, 0..<channels)
        logVariance = parameters.sliced(axis: 3, channels..<2 * channels).clamped(to: -30...20)
    }

    /// Latents for standard normal numbers of the mean's shape (Kingma & Welling 2014, section 2.4).
    public func sample(_ noise: Tensor) -> Tensor { mean + (logVariance * 0.5).exp() * noise }

    /// The Kullback-Leibler divergence from a standard normal distribution, per picture: a scalar, the mean over pictures.
    public var divergence: Tensor {
        let terms = mean.squared() + logVariance.exp() - 1 - logVariance
        return terms.sum() * (0.5 / Float(max(1, mean.shape[0])))
    }
}

extension AutoencoderKLConfiguration: NetworkBuilder {
    public func makeNetwork(on device: Device) -> AutoencoderKL { AutoencoderKL(self, on: device) }
}
