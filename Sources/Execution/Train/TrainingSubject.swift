internal import Datasets
internal import JobSpec
internal import Models
internal import NeuralNet
internal import StrictJSON
internal import TensorCore
internal import Training

/// A kind of model that train jobs make: everything in which the training of one kind differs from that of another.
protocol TrainingSubject {
    associatedtype Job: TrainingJob
    associatedtype Task: TrainingTask

    var job: Job { get }
    /// The samples as the network sees them.
    var dataset: Dataset { get }
    /// The network's class, as its config.json names it.
    var className: String { get }
    /// A line of the log about the time that steps will take; nil: none.
    var forecast: String? { get }

    /// What is minimized, with new networks on `device`. What does not learn has its weights.
    ///
    /// - Throws: what keeps weights from being read.
    func task(on device: Device) throws -> Task

    /// The condition of one sample, without a content, for a rehearsal.
    func blankCondition(on device: Device) -> Condition
    /// Whether each step encodes its captions, by networks of the task.
    var encodesCaptions: Bool { get }

    /// What learns.
    func groups(of task: Task) -> [LearnerGroup]

    /// All that decides the weights: saved states of anything else are refused.
    func deciding(_ task: Task) -> [String]

    /// Shows what the network does after a step.
    func preview(_ task: Task, step: Int) throws

    /// What a preview does to memory, on a device that computes nothing and holds what learns.
    func rehearsePreview(on device: Device) throws

    /// Publishes the network with the weights that it has.
    func publish(_ task: Task, at path: String) throws

    /// Adds the weights that the network has to what is published, as the variant `name`.
    func publishVariant(_ name: String, of task: Task, at path: String) throws

    /// What the manifest says of the network.
    func manifest(_ task: Task) -> KeyValuePairs<String, JSONNode>
}

extension TrainingSubject {
    var encodesCaptions: Bool { false }

    func blankCondition(on device: Device) -> Condition { dataset.classes.isEmpty ? .none : Condition(classes: [0]) }

    /// Takes no more than a step of the training.
    func rehearsePreview(on device: Device) throws {}
}
