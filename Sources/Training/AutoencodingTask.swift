public import Configurations
public import Datasets
public import Models
public import NeuralNet
public import TensorCore

/// Teaches an autoencoder to give pictures back from latents that are nearly standard normal (Kingma & Welling 2014, equation 10; with the
/// weights of Rombach et al. 2022, but neither perceptual nor adversarial loss).
public struct AutoencodingTask: TrainingTask {
    private let autoencoder: AutoencoderKL
    private let distance: Loss
    private let klWeight: Double
    private let seed: UInt64

    public init(_ autoencoder: AutoencoderKL, _ options: ReconstructionOptions, seed: UInt64) {
        self.autoencoder = autoencoder
        distance =
            switch options.loss {
            case .l1: .meanAbsolute
            case .mse: .meanSquared
            }
        klWeight = options.klWeight
        self.seed = seed
    }

    public var network: any Module { autoencoder }

    public func loss(of batch: Batch, at place: BatchPlace) -> Tensor {
        let latents = autoencoder.encode(batch.x)  // q(z | x)
        let noise = Tensor.normal(
            latents.mean.shape, seed: seed, purpose: .trainingNoise, step: place.step, firstSample: place.first,
            on: batch.x.device)
        return loss(batch.x, latents, latents.sample(noise))
    }

    /// With the most likely latents.
    public func validationLoss(of batch: Batch, first: Int) -> Tensor {
        let latents = autoencoder.encode(batch.x)
        return loss(batch.x, latents, latents.mean)
    }

    /// Both terms are sums over a picture, divided by the count of its numbers.
    private func loss(_ x: Tensor, _ latents: LatentDistribution, _ z: Tensor) -> Tensor {
        let numbers = x.elementCount / max(1, x.shape[0])
        return distance(autoencoder.decode(z), x) + latents.divergence * Float(klWeight / Double(numbers))
    }
}
