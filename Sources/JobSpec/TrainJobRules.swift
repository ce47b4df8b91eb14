import Configurations
import Problems
public import StrictJSON

extension TrainJob {
    /// What must agree between model, data, schedule and training.
    public func validate(_ checks: inout Checks) {
        switch (model.sampleShape, dataset.images) {
        case (.point(let dimension), nil):
            checkPoints(dimension, &checks)
            if autoencoder != nil {
                checks.fail(
                    "autoencoder", and: ["model", "dataset"], "an autoencoder makes latents of pictures, not of points",
                    remedy: "Remove it.")
            }
        case (.point, .some):
            checks.fail(
                "model.architecture", and: ["model", "dataset.format", "dataset.name"],
                "the architecture \"\(model.architecture)\" learns points, but the data set holds images",
                remedy: "Use \"unet2d\" or \"annotated_unet\", or the data sets \"spiral\" and \"disc_grid\".")
        case (.image, .some) where dataset.holdsClips:
            checks.fail(
                "model.architecture", and: ["model", "dataset.format", "dataset.name"],
                "the architecture \"\(model.architecture)\" learns images, but the data set holds videos",
                remedy: "Use \"video_dit\", or a data set of images.")
        case (.video, _) where !dataset.holdsClips:
            checks.fail(
                "model.architecture", and: ["model", "dataset.format", "dataset.name"],
                "the architecture \"\(model.architecture)\" learns videos, but the data set holds none",
                remedy: "Use the data sets \"video_folder\" or \"moving_shapes\", or \"dit\" for images.")
        case (.image, nil), (.video, nil):
            checks.fail(
                "model.architecture", and: ["model", "dataset.format", "dataset.name"],
                "the architecture \"\(model.architecture)\" learns images, but the data set holds points",
                remedy: "Use \"mlp\", or a data set of images.")
        case (.image(let size, let channels), .some(let images)): checkImages(size, channels, images, &checks)
        case (.video(let frames, let size, let channels), .some(let images)):
            checkImages(size, channels, images, &checks)
            checkClips(frames, &checks)
        case (nil, .some) where autoencoder != nil:
            checks.fail(
                "model.sample_size", "with an autoencoder, dataset.resolution does not say how many latents there are",
                remedy: "Add model.sample_size: dataset.resolution divided by what the autoencoder does.")
        case (nil, .some):
            checks.fail(
                "model.sample_size", and: ["dataset.resolution"],
                "neither model.sample_size nor dataset.resolution is given",
                remedy: "Give one of them.")
        case (nil, nil):
            checks.fail(
                "model.architecture", and: ["dataset.format", "dataset.name"],
                "the model learns images, but the data set holds points",
                remedy: "Use \"mlp\", or a data set of images.")
        }
        if var misfit = model.network.misfit(with: diffusion.scheduler)?.within("model") {
            misfit.others.append("diffusion.num_train_timesteps")
            checks.fail(misfit)
        }
        if diffusion.scheduler.varianceType == .learnedRange, model.predictedChannels == nil {
            checks.fail(
                "diffusion.variance_type", and: ["model"],
                "the architecture \"\(model.architecture)\" has no outputs for a learned variance",
                remedy: "Use \"unet2d\" or \"dit\", or another variance_type.")
        }
        checkClasses(&checks)
        let misfits = model.network.trainingMisfits(
            with: diffusion.scheduler, dropsConditions: training.classDropoutProb > 0)
        for misfit in misfits { checks.fail(misfit) }
        dataset.checkValidation(training, &checks)
        if model.clips != nil, let misfit = diffusion.loss.misfit(with: diffusion.scheduler, clips: true) {
            checks.fail(misfit.within("diffusion"))
        }
        checkText(&checks)
    }

    /// Text encoder and network go together, and captions with both.
    private func checkText(_ checks: inout Checks) {
        guard let width = model.contextWidth else {
            if textEncoder != nil {
                checks.fail(
                    "text_encoder", and: ["model"], "the architecture \"\(model.architecture)\" reads no text",
                    remedy: "Use \"unet2d_condition\", or remove it.")
            }
            return checkUnreadText(&checks)
        }
        guard let textEncoder else {
            return checks.fail(
                "text_encoder", and: ["model"],
                "the architecture \"\(model.architecture)\" reads text, but nothing encodes it",
                remedy:
                    "Add \"text_encoder\": { \"architecture\": \"text_transformer\" }, or a model with a text encoder.")
        }
        if let own = textEncoder.width, own != width {
            checks.fail(
                "model.cross_attention_dim", and: ["text_encoder"],
                "model.cross_attention_dim is \(width), but the text encoder's hidden_size is \(own)",
                remedy: "Leave cross_attention_dim out.")
        }
        let hasCaptions =
            switch dataset {
            case .imageFolder(let folder): folder.captions.source != .none
            case .synthetic(let synthetic): synthetic.name == .captionedShapes
            case .videoFolder, .idx, .cifar10: false
            }
        guard !hasCaptions else { return }
        checks.fail(
            "dataset.format", and: ["dataset.name", "dataset.captions", "model"],
            "the architecture \"\(model.architecture)\" reads text, but the data set has no captions",
            remedy: "Use \"image_folder\" with captions, or the set \"captioned_shapes\".")
    }

    private func checkClips(_ frames: Int, _ checks: inout Checks) {
        if let given = dataset.frames, given != frames {
            checks.fail(
                "dataset.frames", and: ["model.sample_frames"],
                "dataset.frames is \(given) but model.sample_frames is \(frames)",
                remedy: "Make them equal, or leave one out.")
        }
        guard let clips = model.clips else { return }
        // The model's own rules have seen its sample_frames before the data set's took their place.
        if clips.sampleFrames % clips.patchSizeT != 0 || clips.sampleFrames > clips.maxFrames {
            checks.fail(
                "dataset.frames", and: ["model.patch_size_t", "model.sample_frames", "model.max_frames"],
                "clips of \(clips.sampleFrames) frames are not filled by patches of \(clips.patchSizeT), or longer than "
                    + "model.max_frames \(clips.maxFrames)",
                remedy: "Use a multiple of \(clips.patchSizeT) up to \(clips.maxFrames).")
        }
    }

    private func checkPoints(_ dimension: Int, _ checks: inout Checks) {
        guard dimension != 2 else { return }
        checks.fail(
            "model.data_dimension", and: ["dataset.name"],
            "model.data_dimension is \(dimension), but the data set's points have 2 coordinates", remedy: "Set it to 2."
        )
    }

    private func checkImages(_ size: ImageSize, _ channels: Int, _ images: ImageOptions, _ checks: inout Checks) {
        if size.height != size.width {
            checks.fail(
                "model.sample_size", "model.sample_size is \(size), but data sets give square samples",
                remedy: "Give one number.")
        } else if autoencoder != nil {
            checkLatents(size, images, &checks)
        } else if let resolution = images.resolution, resolution != size.height {
            checks.fail(
                "dataset.resolution", and: ["model.sample_size"],
                "dataset.resolution is \(resolution) but model.sample_size is \(size.height)",
                remedy: "Make them equal, or leave one out.")
        }
        let key = "model.\(model.channelsKey)"
        if autoencoder != nil {
            // How many channels latents have, the autoencoder says.
        } else if channels != 1, channels != 3 {
            checks.fail(
                key, "\(key) is \(channels), but images have 1 channel (grey) or 3 (RGB)", remedy: "Set it to 1 or 3.")
        } else if let given = images.channels, given != channels {
            checks.fail(
                "dataset.channels", and: [key], "dataset.channels is \(given) but \(key) is \(channels)",
                remedy: "Make them equal, or leave dataset.channels out.")
        }
        // The model's own rules have seen its sample_size before the data set's resolution took its place.
        if let patch = model.patchSide, size.height % patch != 0 {
            checks.fail(
                autoencoder == nil ? "dataset.resolution" : "model.sample_size",
                and: ["model.patch_size", "model.sample_size", "model.preset"],
                "samples of \(size) are not filled by patches of \(patch)x\(patch)",
                remedy: "Use a multiple of \(patch), or another patch_size.")
        }
        let learnsVariance = diffusion.scheduler.varianceType == .learnedRange
        let wanted = learnsVariance ? 2 * channels : channels
        if let outputs = model.predictedChannels, outputs != wanted {
            checks.fail(
                "model.out_channels", and: ["model.in_channels", "diffusion.variance_type"],
                "model.out_channels is \(outputs) but model.in_channels is \(channels)",
                remedy: learnsVariance
                    ? "Set it to \(wanted): with variance_type \"learned_range\" the second half says the variance."
                    : "Make them equal: the network predicts something of its input's shape.")
        }
        let frames = if case .video(let frames, _, _) = model.sampleShape { frames } else { 1 }
        training.checkBatch(of: size, frames: frames, channels, &checks)
    }

    private func checkClasses(_ checks: inout Checks) {
        checkClassDropout(&checks)
        let key = "model.\(model.classCountKey)"
        let count: Int
        switch model.classConditioning {
        case .none: return
        case .table(let classes, _): count = classes
        case .timestep, .vector:
            return checks.fail(
                "model.class_embed_type", "the classes of data sets are numbers, which a table of classes embeds",
                remedy: "Set class_embed_type to null and num_class_embeds to the number of classes.",
                code: .unsupported)
        }
        let have: Int?
        switch dataset {
        case .synthetic(let synthetic):
            if synthetic.name == .captionedShapes {
                return checks.fail(
                    "dataset.name", and: [key],
                    "the model has \(count) classes, but captioned_shapes have captions instead",
                    remedy: "Set \(key) to null.")
            }
            have = synthetic.holdsPoints ? nil : SyntheticDatasetConfiguration.shapeClasses
        case .cifar10: have = 10
        case .idx(let idx):
            if idx.labelsPath == nil {
                checks.fail(
                    "dataset.labels", and: [key],
                    "the model has \(count) classes, but the data set names no file of labels",
                    remedy: "Add \"labels\", or set \(key) to null.")
            }
            have = nil
        case .imageFolder(let folder):
            checkLabels(folder.labels, count, key, &checks)
            have = nil
        case .videoFolder(let folder):
            checkLabels(folder.labels, count, key, &checks)
            have = nil
        }
        if let have, var misfit = Compatibility.classes(have, for: model, changing: .network) {
            misfit.others += ["dataset.format", "dataset.name", "model.null_class"]
            checks.fail(misfit)
        }
    }

    private func checkLabels(
        _ labels: ImageFolderConfiguration.Labels, _ count: Int, _ key: String, _ checks: inout Checks
    ) {
        guard labels == .none else { return }
        checks.fail(
            "dataset.labels", and: [key], "the model has \(count) classes, but dataset.labels is \"none\"",
            remedy: "Set dataset.labels to \"auto\", or \(key) to null.")
    }

    private func checkClassDropout(_ checks: inout Checks) {
        let probability = training.classDropoutProb
        if probability > 0, model.classConditioning.nullClass == nil {
            checks.fail(
                "training.class_dropout_prob", and: ["model"],
                "class_dropout_prob is \(probability), but the model has no null class to put in a class's place",
                remedy: "Give the model classes (num_class_embeds) and null_class, or remove class_dropout_prob.")
        }
    }
}

// MARK: - What holds for the training of any network

extension TrainingOptions {
    func checkBatch(of size: ImageSize, frames: Int = 1, _ channels: Int, _ checks: inout Checks) {
        let batch = batchSize * frames * size.height * size.width * channels
        guard batch > 1 << 30 else { return }
        checks.fail(
            "training.batch_size", and: ["model.sample_size", "dataset.resolution"],
            "a batch of \(batchSize) samples of \(frames > 1 ? "\(frames) frames of " : "")\(size) would hold \(batch) numbers",
            remedy: "Lower batch_size and raise gradient_accumulation_steps.")
    }
}

extension DatasetConfiguration {
    func checkValidation(_ training: TrainingOptions, _ checks: inout Checks) {
        if training.validationEvery != nil, validationSplit == .none {
            checks.fail(
                "training.validation_every", and: ["dataset.validation_split"],
                "there is nothing to validate with: dataset.validation_split is 0",
                remedy: "Set dataset.validation_split, or remove validation_every.")
        }
        if case .synthetic(let synthetic) = self,
            synthetic.validationSplit.count(of: synthetic.count) >= synthetic.count
        {
            checks.fail(
                "dataset.validation_split", and: ["dataset.count"],
                "dataset.validation_split leaves none of the \(synthetic.count) samples for training",
                remedy: "Lower it.")
        }
    }
}
