public import Configurations
public import Problems

extension ClipOptions {
    /// The shape of clips with these options as the model works on them; `shape` is that of its training.
    public func shape(
        of model: ModelConfiguration, _ shape: SampleShape, _ autoencoder: AutoencoderKLConfiguration?
    ) throws(Problem) -> SampleShape {
        guard let clips = model.clips, case .video(let trained, let trainedSize, let channels) = shape else {
            let keys = [("frames", frames != nil), ("fps", fps != nil), ("image", image != nil)]
            if let key = keys.first(where: \.1)?.0 {
                throw Problem(
                    .invalid, "\(key) is given, but the model makes no video",
                    remedy: "Remove it, or use a model of the architecture \"video_dit\".", path: "$.\(key)")
            }
            return try size.map { (size) throws(Problem) in try model.shape(ofPixels: size, shape, autoencoder) }
                ?? shape
        }
        let frames = frames ?? trained
        try clips.check(frames: frames, path: "$.frames")
        let worked =
            try size.map { (size) throws(Problem) in try model.size(ofPixels: size, autoencoder) } ?? trainedSize
        return .video(frames: frames, worked, channels: channels)
    }
}

extension ClipTraits {
    public func check(frames: Int, path: String) throws(Problem) {
        guard frames > maxFrames else { return }
        throw Problem(
            .invalid, "a clip of \(frames) frames is longer than the \(maxFrames) that the model may be asked for",
            remedy: "Ask for fewer, or raise max_frames in the model's config.json.", path: path)
    }
}

extension ModelConfiguration {
    /// The shape of images of a size in pixels, as a model of latents works on them.
    public func shape(
        ofPixels size: ImageSize, _ shape: SampleShape, _ autoencoder: AutoencoderKLConfiguration?
    ) throws(Problem) -> SampleShape {
        guard autoencoder != nil, case .image(_, let channels) = shape else {
            throw Problem(
                .invalid, "size is given, but the model makes neither latents nor video, and so has one size",
                remedy: "Remove it.", path: "$.size")
        }
        return .image(try self.size(ofPixels: size, autoencoder), channels: channels)
    }

    /// The size of what the model works on, pixels or latents, for frames of a size in pixels.
    public func size(ofPixels pixels: ImageSize, _ autoencoder: AutoencoderKLConfiguration?) throws(Problem)
        -> ImageSize
    {
        let factor = autoencoder?.downsampling ?? 1
        let patch = factor * (network.patchSide ?? 1)
        guard pixels.height % patch == 0, pixels.width % patch == 0 else {
            throw Problem(
                .invalid, "images of \(pixels) are not filled by the model's patches of \(patch)x\(patch) pixels",
                remedy: "Use multiples of \(patch).", path: "$.size")
        }
        return ImageSize(height: pixels.height / factor, width: pixels.width / factor)
    }
}
