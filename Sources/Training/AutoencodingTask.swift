public import Datasets
public import Models
public import TensorCore

/// Teaches an autoencoder to give images back from latents that are nearly standard normal (Kingma & Welling 2014,
/// equation 10; with the weights of Rombach et al. 2022, but neither perceptual nor adversarial loss).
public struct AutoencodingTask: TrainingTask {
    public let autoencoder: AutoencoderKL
    private let distance: Loss
    private let klWeight: Double
    private let seed: UInt64

    /// - Parameters:
    ///   - distance: between an image and what is decoded from its latents.
    ///   - klWeight: of the divergence of the latents from standard normal ones; both terms are sums over an image.
    ///   - seed: of the noise of the latents.
    public init(_ autoencoder: AutoencoderKL, distance: Loss, klWeight: Double, seed: UInt64) {
        self.autoencoder = autoencoder
        self.distance = distance
        self.klWeight = klWeight
        self.seed = seed
    }

    public func losses(of batch: Batch, at place: BatchPlace) -> Losses {
        let latents = autoencoder.encode(batch.x)  // q(z | x)
        let noise = Tensor.normal(
            latents.mean.shape, seed: seed, purpose: .trainingNoise, step: place.step, firstSample: place.first,
            on: batch.x.device)
        return losses(batch.x, latents, latents.sample(noise))
    }

    /// With the most likely latents.
    public func validationLosses(of batch: Batch, first: Int) -> Losses {
        let latents = autoencoder.encode(batch.x)
        return losses(batch.x, latents, latents.mean)
    }

    /// Both terms are sums over an image, divided by the count of its numbers. The divergence is logged without its
    /// weight.
    private func losses(_ x: Tensor, _ latents: LatentDistribution, _ z: Tensor) -> Losses {
        let numbers = x.elementCount / max(1, x.shape[0])
        let (reconstruction, divergence) = (distance(autoencoder.decode(z), x), latents.divergence)
        return Losses(
            reconstruction + divergence * Float(klWeight / Double(numbers)),
            ["reconstruction": reconstruction, "kl": divergence.detached * Float(1 / Double(numbers))])
    }
}
