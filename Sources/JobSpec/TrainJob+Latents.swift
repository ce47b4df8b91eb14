public import Configurations
public import Problems
import StrictJSON

/// Trainings on the latents of an autoencoder: what must agree between the sizes of pictures and latents.
extension TrainJob {
    /// What the job file alone tells: the model's `sample_size` counts latents, the data set's `resolution` pixels.
    func checkLatents(_ size: ImageSize, _ images: ImageOptions, _ checks: inout Checks) {
        guard let resolution = images.resolution else {
            // Files of some formats say their size.
            switch dataset {
            case .imageFolder, .videoFolder, .synthetic: failWithoutResolution(&checks)
            case .idx, .cifar10: break
            }
            return
        }
        let (factor, rest) = resolution.quotientAndRemainder(dividingBy: size.height)
        guard rest != 0 || factor & (factor - 1) != 0 || factor == 0 else { return }
        checks.fail(
            "model.sample_size", and: ["dataset.resolution", "autoencoder"],
            "model.sample_size is \(size), but no autoencoder makes latents of that size of \(resolution)x\(resolution) pixels",
            remedy: "sample_size counts latents: divide dataset.resolution by what the autoencoder does, a power of 2.")
    }

    private func failWithoutResolution(_ checks: inout Checks) {
        checks.fail(
            "dataset.resolution", and: ["autoencoder"],
            "with an autoencoder the model's sample_size counts latents, so it does not say the size of the pictures",
            remedy: "Add dataset.resolution, in pixels.")
    }

    /// What does not fit between this job and its autoencoder: nil when all does.
    public func mismatch(with autoencoder: AutoencoderKLConfiguration) -> Problem? {
        func problem(_ key: String, _ message: String, _ remedy: String) -> Problem {
            Problem(.invalid, message, remedy: remedy, path: "$.\(key)")
        }
        if let misfit = Compatibility.latents(of: autoencoder, for: model) { return misfit.problem }
        if let channels = dataset.images?.channels, channels != autoencoder.inChannels {
            return problem(
                "dataset.channels",
                "dataset.channels is \(channels), but the autoencoder takes \(autoencoder.inChannels)",
                "Leave dataset.channels out.")
        }
        guard let resolution = dataset.images?.resolution, let size = model.sampleShape?.frame?.size else { return nil }
        let factor = autoencoder.downsampling
        guard resolution % factor == 0 else {
            return problem(
                "dataset.resolution",
                "dataset.resolution is \(resolution), which the autoencoder cannot divide by \(factor)",
                "Give a multiple of \(factor).")
        }
        guard resolution / factor != size.height else { return nil }
        return problem(
            "model.sample_size",
            "model.sample_size is \(size), but the autoencoder makes \(resolution / factor)x\(resolution / factor) latents of "
                + "\(resolution)x\(resolution) pixels",
            "Set model.sample_size to \(resolution / factor), or dataset.resolution to \(size.height * factor).")
    }
}
