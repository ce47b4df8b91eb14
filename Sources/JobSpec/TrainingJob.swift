public import Configurations
public import StrictJSON

/// What the jobs have in common that train something, whatever it is. They differ in the model and in what is
/// minimized, and so in their keys.
public protocol TrainingJob: Described {
    var common: CommonOptions { get set }
    var dataset: DatasetConfiguration { get set }
    var training: TrainingOptions { get set }

    var spec: JobSpec { get }
}

extension TrainingJob {
    /// With held-out samples the loss on them is measured whenever a state is saved.
    mutating func completeValidation(from node: JSONNode) {
        guard dataset.validationSplit != .none, !node.gives("training.validation_every") else { return }
        training.validationEvery = training.checkpointEvery
    }
}

extension TrainingJob {
    /// Reports keys that only a model which reads text has a use for.
    func checkUnreadText(_ checks: inout Checks) {
        dataset.checkUnreadCaptions(&checks)
        guard training.samplePrompts != nil else { return }
        checks.fail(
            "training.sample_prompts", and: ["model"], "sample_prompts are given, but the model reads no text",
            remedy: "Remove it.")
    }
}

extension TrainJob: TrainingJob {
    public var spec: JobSpec { .train(self) }
}

extension AutoencoderJob: TrainingJob {
    public var spec: JobSpec { .trainAutoencoder(self) }
}

extension DatasetConfiguration {
    /// Brings images whose size or channels are not given to those of a model, where images can have them.
    public mutating func completeImages(_ size: ImageSize, channels: Int) {
        guard var images else { return }
        images.resolution = images.resolution ?? (size.height == size.width ? size.height : nil)
        images.channels = images.channels ?? (channels == 1 || channels == 3 ? channels : nil)
        self.images = images
    }
}
