internal import Configurations
internal import Datasets
internal import Diffusion
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Problems
internal import Sampling
internal import TensorCore

/// The pictures of an img2img job, brought to the model's size when their turn comes.
struct EditedPictures: Sendable {
    /// Paths, in the order in which they are worked on.
    let paths: [String]
    let strength: Double
    private let job: Img2ImgJob
    private let maskPath: String?
    private let limits: ImageLimits

    /// - Throws: `missing` where a folder has no pictures, and what `permitted` throws for a path.
    init(_ job: Img2ImgJob, _ context: JobContext) throws {
        self.job = job
        strength = job.strength
        limits = JobContext.imageLimits(job.common)
        var paths: [String] = []
        for given in job.image {
            let path = try pointing(to: JobInput.Role.image.jsonPath) { try context.permitted(given) }
            guard try context.files.status(path)?.kind == .directory else {
                paths.append(path)
                continue
            }
            let names = try context.files.list(path).entries.filter { $0.kind != .directory }.map(\.name).filter {
                try !$0.hasPrefix(".") && FolderPictures.isPicture($0, below: path)
            }
            guard !names.isEmpty else {
                throw Problem(
                    .missing, "the folder holds no pictures", remedy: "Put pictures into it.", file: path,
                    path: JobInput.Role.image.jsonPath)
            }
            for name in names.sorted() { paths.append(try context.permitted(Path.join(path, name))) }
        }
        self.paths = paths
        maskPath = try job.mask.map { mask in
            try pointing(to: JobInput.Role.mask.jsonPath) { try context.permitted(mask) }
        }
    }

    /// Every file that the results depend on.
    var files: [String] { paths + (maskPath.map { [$0] } ?? []) }

    /// Results in all.
    var count: Int { paths.count * job.count }

    /// The picture that a result is made from.
    func path(of sample: Int) -> String { paths[sample / job.count] }

    /// A picture as the model sees it.
    struct Fitted {
        let picture: Image
        /// Grey; nil where the picture has no transparency.
        let alpha: Image?
        /// Grey, white where something new is made; nil without a mask.
        let mask: Image?

        /// What a job shows where an autoencoder has changed the known part a little: that part as it was.
        ///
        /// - Parameter values: (H, W, C) in [-1, 1].
        func restored(_ values: [Float]) -> [Float] {
            guard let shares = mask?.shares else { return values }
            let known = picture.signed
            return values.indices.map { index in
                let share = shares[index / picture.channels]
                return known[index] * (1 - share) + values[index] * share
            }
        }
    }

    /// The picture of a result at the model's size: the largest part of those proportions from its middle, transparency laid over
    /// white.
    ///
    /// - Parameter warn: told what is odd about the picture's file, as a sentence.
    func fitted(
        of sample: Int, width: Int, height: Int, channels: Int, warn: (String) -> Void = { _ in }
    ) throws -> Fitted {
        let path = path(of: sample)
        return try pointing(to: JobInput.Role.image.jsonPath) {
            let image = try ImageFile.read(path, limits: limits, keepsAlpha: true) {
                warn("\(Path.name(path)): \($0)")
            }
            let mask = try maskPath.map { mask in
                try pointing(to: JobInput.Role.mask.jsonPath) { try self.mask(mask, for: image, path) }
            }
            func fit(_ image: Image) -> Image {
                (margins.map(image.extended) ?? image).centreFitted(width: width, height: height)
            }
            if let margins {
                let area = (image.width + margins.left + margins.right) *| (image.height + margins.top + margins.bottom)
                guard area <= Self.largestExpanded else {
                    throw Problem(
                        .invalid, "with its margins the image has \(area) pixels, more than \(Self.largestExpanded)",
                        remedy: "Lower expand.", path: "$.expand")
                }
            }
            let whole =
                margins.map { Image.mask(ofMargins: $0, width: image.width, height: image.height, around: mask) }
                ?? mask
            return Fitted(
                picture: fit(image.converted(toChannels: channels)), alpha: image.alpha.map(fit),
                mask: whole.map {
                    $0.blurred(deviation: job.maskBlur).centreFitted(width: width, height: height)
                })
        }
    }

    /// Pixels of an image with margins.
    private static let largestExpanded = 1 << 26

    private var margins: Margins? {
        job.expand.map { Margins(top: $0[0], right: $0[1], bottom: $0[2], left: $0[3]) }
    }

    private func mask(_ path: String, for image: Image, _ imagePath: String) throws -> Image {
        let mask = try ImageFile.read(path, limits: limits).converted(toChannels: 1)
        guard mask.width == image.width, mask.height == image.height else {
            throw Problem(
                .invalid,
                "the mask has \(mask.width)x\(mask.height) pixels, but \(Path.name(imagePath)) has \(image.width)x\(image.height)",
                remedy: "Give a mask of the picture's size.", file: path)
        }
        return mask
    }

    /// Reads every image once, so that faults are reported before hours of work.
    func check(stop: StopRequest, warn: (String) -> Void) throws {
        var problems: [Problem] = []
        for index in paths.indices {
            try stop.check()
            do {
                _ = try fitted(of: index * job.count, width: 1, height: 1, channels: 1, warn: warn)
            } catch let problem as Problem {
                problems.append(problem)
            }
        }
        if problems.count == 1 { throw problems[0] }
        if !problems.isEmpty { throw Problems(problems) }
    }

    /// How a sampling reads them: as the denoiser's samples.
    ///
    /// - Parameters:
    ///   - codec: of images, grey or RGB.
    ///   - isLatent: whether they are edited as the pipelines of diffusers do that work on latents: a sample of what the
    ///     autoencoder says of an image, and each latent wholly new or wholly kept.
    func editing(_ codec: SampleCodec, _ model: ModelConfiguration, isLatent: Bool) -> Editing {
        isLatent ? latentEditing(codec, joinsMask: model.joinedChannels > 0) : editing(codec)
    }

    /// How a sampling reads images that it enlarges.
    ///
    /// - Parameters:
    ///   - shape: of the images.
    ///   - level: how noisy the model is given them.
    func enlarging(_ shape: [Int], at level: NoiseLevel) -> Editing {
        Editing(beginsWithNoise: true) { samples, device in
            let all = try samples.map { try fitted(of: $0, width: shape[1], height: shape[0], channels: shape[2]) }
            let x0 = Tensor(all.flatMap(\.picture.signed), shape: Shape([all.count] + shape), on: device)
            var pictures = Editing.Pictures(x0: x0, mask: nil)
            pictures.enlargedAt = level
            return pictures
        }
    }

    /// The size of the first image.
    func size() throws -> ImageSize {
        let path = path(of: 0)
        return try pointing(to: JobInput.Role.image.jsonPath) {
            let image = try ImageFile.read(path, limits: limits)
            return ImageSize(height: image.height, width: image.width)
        }
    }

    private var resampling: Editing.Resampling? {
        job.jumpNSample > 1 ? Editing.Resampling(jumpLength: job.jumpLength, visits: job.jumpNSample) : nil
    }

    /// What only some models give a meaning to, with the job's key.
    ///
    /// - Parameters:
    ///   - enlarges: whether the model enlarges images.
    ///   - joinsMask: whether it is given the mask as a further channel.
    func misfit(enlarges: Bool, joinsMask: Bool) -> Misfit? {
        guard enlarges else {
            if joinsMask, !job.isMasked {
                return Misfit(
                    "mask", "the model fills what a mask leaves open, but no mask is given",
                    remedy: "Add \"mask\" or \"expand\", or use a model without.")
            }
            if joinsMask, job.jumpNSample != 1 {
                return Misfit(
                    "jump_n_sample", "the model is given the mask itself and takes no steps again", remedy: "Remove it."
                )
            }
            return job.noiseLevel.map { _ in
                Misfit(
                    "noise_level", "noise_level is given, but the model does not enlarge images", remedy: "Remove it.")
            }
        }
        let usual = Img2ImgJob()
        let meaningless = [
            ("mask", job.mask != nil), ("expand", job.expand != nil), ("strength", job.strength != usual.strength),
            ("jump_n_sample", job.jumpNSample != 1),
        ].first(where: \.1)?.0
        return meaningless.map { key in
            Misfit(
                key, "\(key) has no meaning for a model that enlarges images, which are not edited",
                remedy: "Remove it.")
        }
    }

    /// The timestep of the noise on images that are enlarged.
    var noiseLevel: Int { job.noiseLevel ?? 20 }

    private func editing(_ codec: SampleCodec) -> Editing {
        let shape = codec.shape.dimensions  // (H, W, C)
        return Editing(beginsWithNoise: job.isMasked && strength == 1, resampling: resampling) { samples, device in
            let all = try samples.map { try fitted(of: $0, width: shape[1], height: shape[0], channels: shape[2]) }
            let x0 = try codec.samples(
                of: Tensor(all.flatMap(\.picture.signed), shape: Shape([all.count] + shape), on: device))
            guard job.isMasked else { return Editing.Pictures(x0: x0, mask: nil) }
            let (height, width) = (x0.shape[1], x0.shape[2])
            let shares = all.flatMap { $0.mask?.centreFitted(width: width, height: height).shares ?? [] }
            return Editing.Pictures(x0: x0, mask: Tensor(shares, shape: [all.count, height, width, 1], on: device))
        }
    }

    /// - Parameter joinsMask: whether the denoiser is given the mask and the rest of the image as further channels.
    private func latentEditing(_ codec: SampleCodec, joinsMask: Bool) -> Editing {
        let shape = codec.shape.dimensions  // (H, W, C)
        return Editing(
            beginsWithNoise: job.isMasked && strength == 1, resampling: joinsMask ? nil : resampling
        ) { samples, device in
            let all = try samples.map { try fitted(of: $0, width: shape[1], height: shape[0], channels: shape[2]) }
            let batch = Shape([all.count] + shape)
            let (mean, deviation) = try codec.distribution(
                of: Tensor(all.flatMap(\.picture.signed), shape: batch, on: device))
            var pictures = Editing.Pictures(x0: mean, mask: nil)
            pictures.deviation = deviation
            guard job.isMasked else { return pictures }
            let (height, width) = (mean.shape[1], mean.shape[2])
            let isNew = all.map { ($0.mask?.shares ?? []).map { $0 >= 0.5 } }
            pictures.mask = Tensor(
                isNew.flatMap { pixels in
                    (0..<height * width).map { place -> Float in
                        let (row, column) = (place / width * (shape[0] / height), place % width * (shape[1] / width))
                        return pixels[row * shape[1] + column] ? 1 : 0
                    }
                }, shape: [all.count, height, width, 1], on: device)
            guard joinsMask else { return pictures }
            let kept = zip(all, isNew).flatMap { fitted, isNew in
                fitted.picture.signed.enumerated().map { index, value in isNew[index / shape[2]] ? 0 : value }
            }
            let rest = try codec.distribution(of: Tensor(kept, shape: batch, on: device))
            if let deviation = rest.deviation { pictures.rest = (rest.mean, deviation) }
            return pictures
        }
    }
}

extension Image {
    /// The samples as numbers in [0, 1].
    fileprivate var shares: [Float] { signed.map { ($0 + 1) / 2 } }
}
