internal import Checkpoints
internal import Configurations
internal import Media
internal import Models
internal import Sampling
internal import TensorCore

/// Between the samples that a denoiser works on and what a job shows: pictures and their latents where there is an autoencoder,
/// else one and the same. Pictures are decoded one at a time, in tiles where they are large: memory does not depend on the batch.
struct SampleCodec {
    /// Shape of decoded samples.
    let shape: SampleShape
    private let autoencoder: Component<AutoencoderKL>?
    private let stop: StopRequest?

    /// - Parameters:
    ///   - shape: of the denoiser's samples.
    ///   - autoencoder: its configuration, and the network; nil for a denoiser of pixels or points.
    ///   - stop: looked for between pictures and their tiles; the work then ends with `Stopped`. Nil: for a rehearsal.
    init(
        _ shape: SampleShape, _ autoencoder: (AutoencoderKLConfiguration, Component<AutoencoderKL>)?,
        stop: StopRequest?
    ) {
        self.autoencoder = autoencoder?.1
        self.stop = stop
        self.shape = Self.shape(of: shape, autoencoder?.0)
    }

    /// What is shown of a denoiser's samples.
    static func shape(of samples: SampleShape, _ autoencoder: AutoencoderKLConfiguration?) -> SampleShape {
        autoencoder?.pictureShape(of: samples) ?? samples
    }

    /// Pictures of so many pixels are encoded together.
    private static let encodedPixels = 1 << 15

    /// Whether what is shown is only near what it was made from.
    var isLossy: Bool { autoencoder != nil }

    /// The elements of each sample as it is shown.
    ///
    /// - Parameter x: what the denoiser works on (N, ...).
    ///
    /// - Throws: what loading the autoencoder throws; `numerical` where it makes NaN or infinity; `Stopped`.
    func shown(_ x: Tensor) throws -> [[Float]] {
        try check()
        guard let autoencoder = try autoencoder?() else { return x.singles.map { $0.array() } }
        return try x.singles.map { sample in
            try sample.pictures.flatMap { latents in
                let picture = try autoencoder.decodeTiled(autoencoder.unscaled(latents), beforeTile: check)
                try autoencoder.checkFinite(picture, "the values that the autoencoder decodes")
                return picture.array()
            }
        }
    }

    private func check() throws { try stop?.check() }

    /// What the denoiser works on, for one picture (h, w, c).
    func sample(of picture: Image, on device: Device) throws -> [Float] {
        let shape: Shape = [1, picture.height, picture.width, picture.channels]
        return try samples(of: Tensor(picture.signed, shape: shape, on: device)).array()
    }

    /// Mean and standard deviation of what the denoiser works on, for images (N, H, W, C).
    ///
    /// - Throws: what loading the autoencoder throws; `numerical` where it makes NaN or infinity; `Stopped`.
    func distribution(of images: Tensor) throws -> (mean: Tensor, deviation: Tensor?) {
        guard let autoencoder = try autoencoder?() else { return (images, nil) }
        let parts = try images.singles.map { image in
            let part = try autoencoder.encodeTiled(image, beforeTile: check)
            try autoencoder.checkFinite(part.mean, "the latents")
            return part
        }
        return (
            .concatenated(parts.map { autoencoder.scaled($0.mean) }, axis: 0),
            .concatenated(parts.map { autoencoder.scaledDeviation(($0.logVariance * 0.5).exp()) }, axis: 0)
        )
    }

    /// What the denoiser works on, for pictures (N, H, W, C) or clips (N, T, H, W, C): the most likely latents.
    ///
    /// - Throws: what loading the autoencoder throws; `numerical` where it makes NaN or infinity; `Stopped`.
    func samples(of pictures: Tensor) throws -> Tensor {
        guard let autoencoder = try autoencoder?() else { return pictures }
        if pictures.shape.rank == 5 {
            let s = pictures.shape
            let frames = try samples(of: pictures.reshaped(to: [s[0] * s[1], s[2], s[3], s[4]]))  // (N T, h, w, c)
            return frames.reshaped(to: Shape([s[0], s[1]] + Array(frames.shape)[1...]))
        }
        let size = max(1, Self.encodedPixels / (pictures.shape[1] * pictures.shape[2]))
        let parts = stride(from: 0, to: pictures.shape[0], by: size).map { first in
            pictures.sliced(axis: 0, first..<min(first + size, pictures.shape[0]))
        }
        // (N, h, w, c)
        let latents = Tensor.concatenated(
            try parts.map { autoencoder.scaled(try autoencoder.encodeTiled($0, beforeTile: check).mean) }, axis: 0)
        try autoencoder.checkFinite(latents, "the latents")
        return latents
    }
}

extension Tensor {
    /// The frames of clips (N, T, H, W, C) as pictures (1, H, W, C) each; pictures as they are.
    fileprivate var pictures: [Tensor] {
        shape.rank == 5 ? reshaped(to: Shape([shape[0] * shape[1]] + Array(shape)[2...])).singles : [self]
    }

    /// Each sample as a batch of its own (1, ...).
    var singles: [Tensor] { (0..<shape[0]).map { sliced(axis: 0, $0..<$0 + 1) } }
}
