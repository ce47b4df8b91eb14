internal import Configurations
internal import Datasets
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
            func fit(_ image: Image) -> Image { image.centreFitted(width: width, height: height) }
            return Fitted(
                picture: fit(image.converted(toChannels: channels)), alpha: image.alpha.map(fit), mask: mask.map(fit))
        }
    }

    private func mask(_ path: String, for image: Image, _ imagePath: String) throws -> Image {
        let mask = try ImageFile.read(path, limits: limits).converted(toChannels: 1)
        guard mask.width == image.width, mask.height == image.height else {
            throw Problem(
                .invalid,
                "the mask has \(mask.width)x\(mask.height) pixels, but \(Path.name(imagePath)) has \(image.width)x\(image.height)",
                remedy: "Give a mask of the picture's size.", file: path)
        }
        return mask.blurred(deviation: job.maskBlur)
    }

    /// Reads every image once, so that faults are reported before hours of work.
    func check(warn: (String) -> Void) throws {
        var problems: [Problem] = []
        for index in paths.indices {
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
    /// - Parameter codec: of pictures, grey or RGB.
    func editing(_ codec: SampleCodec) -> Editing {
        let shape = codec.shape.dimensions  // (H, W, C)
        let resampling =
            job.jumpNSample > 1 ? Editing.Resampling(jumpLength: job.jumpLength, visits: job.jumpNSample) : nil
        return Editing(beginsWithNoise: job.mask != nil && strength == 1, resampling: resampling) { samples, device in
            let all = try samples.map { try fitted(of: $0, width: shape[1], height: shape[0], channels: shape[2]) }
            let x0 = try codec.samples(
                of: Tensor(all.flatMap(\.picture.signed), shape: Shape([all.count] + shape), on: device))
            guard maskPath != nil else { return Editing.Pictures(x0: x0, mask: nil) }
            let (height, width) = (x0.shape[1], x0.shape[2])
            let shares = all.flatMap { $0.mask?.centreFitted(width: width, height: height).shares ?? [] }
            return Editing.Pictures(x0: x0, mask: Tensor(shares, shape: [all.count, height, width, 1], on: device))
        }
    }
}

extension Image {
    /// The samples as numbers in [0, 1].
    fileprivate var shares: [Float] { signed.map { ($0 + 1) / 2 } }
}
