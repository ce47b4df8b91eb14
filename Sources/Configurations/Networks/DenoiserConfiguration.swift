public import StrictJSON

/// The configuration of a network that predicts noise: what samples it takes, and which conditions.
public protocol DenoiserConfiguration: NetworkConfiguration {
    /// The key that says how many channels samples have.
    static var channelsKey: String { get }
    /// The key that says how many classes there are.
    static var classCountKey: String { get }
    /// Whether that key counts the null class, where there is one.
    static var classCountHasNull: Bool { get }

    /// The shape of its samples; nil where `config.json` does not say it.
    var sampleShape: SampleShape? { get }
    /// Channels of its input; nil for points.
    var channels: Int? { get }
    /// Channels of its output, where the configuration gives them apart from the input's.
    var predictedChannels: Int? { get }
    /// Channels of the condition that are joined to those of x: a mask and the rest of an image, or a smaller image.
    var joinedChannels: Int { get }
    /// The classes that it takes.
    var classConditioning: ClassConditioning { get }
    /// Height and width of a patch, of which a side of its samples must be a multiple; nil for networks without
    /// patches.
    var patchSide: Int? { get }
    /// What a network of clips was made for; nil for others.
    var clips: ClipTraits? { get }
    /// Width of the text tokens that the network attends to; nil for a network without text.
    var contextWidth: Int? { get }
    /// How wide the vector of a whole text is that it takes beside so many added numbers; nil where it takes none.
    func pooledTextWidth(besideNumbers count: Int) -> Int?
    /// Timesteps that it can be asked about, `0..<knownTimesteps`; nil: any. A noise schedule must not have more.
    var knownTimesteps: Int? { get }

    /// What keeps it from being used with a noise schedule; keys are those of the network.
    func misfit(with scheduler: SchedulerConfiguration) -> Misfit?
    /// What more a training with this schedule must heed; keys are those of the network.
    func trainingMisfits(with scheduler: SchedulerConfiguration, dropsConditions: Bool) -> [Misfit]
    /// Derives what a job file leaves open from the rest of it.
    ///
    /// - Parameter node: the network's own keys as given.
    mutating func complete(for training: TrainingTraits, from node: JSONNode)
}

extension DenoiserConfiguration {
    public static var channelsKey: String { "in_channels" }
    public static var classCountKey: String { "num_class_embeds" }
    public static var classCountHasNull: Bool { true }

    public var channels: Int? { sampleShape?.frame?.channels }
    public var predictedChannels: Int? { nil }
    public var joinedChannels: Int { 0 }
    public func pooledTextWidth(besideNumbers count: Int) -> Int? { nil }
    public var classConditioning: ClassConditioning { .none }
    public var patchSide: Int? { nil }
    public var clips: ClipTraits? { nil }
    public var contextWidth: Int? { nil }
    public var knownTimesteps: Int? { nil }

    public func misfit(with scheduler: SchedulerConfiguration) -> Misfit? { nil }
    public func trainingMisfits(with scheduler: SchedulerConfiguration, dropsConditions: Bool) -> [Misfit] { [] }
    public mutating func complete(for training: TrainingTraits, from node: JSONNode) {}
}

/// What the rest of a train job says of the network.
public struct TrainingTraits: Sendable, Hashable {
    /// Height and width of the samples, where the data set's options give them.
    public var side: Int?
    /// Frames of a clip, where the data set's options give them.
    public var frames: Int?
    /// Whether the variance of reverse steps is learned, which takes outputs of its own.
    public var learnsVariance: Bool
    /// Whether conditions are dropped in training, which takes a null class.
    public var dropsConditions: Bool
    /// Width of the text's tokens, where the job says it.
    public var textWidth: Int?

    public init(side: Int?, frames: Int?, learnsVariance: Bool, dropsConditions: Bool, textWidth: Int? = nil) {
        (self.side, self.frames, self.textWidth) = (side, frames, textWidth)
        (self.learnsVariance, self.dropsConditions) = (learnsVariance, dropsConditions)
    }
}

/// How a network receives the class of a sample.
public enum ClassConditioning: Sendable, Hashable {
    /// Not at all.
    case none
    /// Labels from 0 to below `count`, each with a learned vector. `null`, where there is one, is a further label that
    /// stands for no class: what classifier-free guidance compares with (Ho & Salimans 2022).
    case table(count: Int, null: Int?)
    /// A number per sample, embedded as a timestep is.
    case timestep
    /// A vector per sample, as wide as the time embedding.
    case vector

    /// The label that stands for no class; nil for a model that cannot be guided.
    public var nullClass: Int? { if case .table(_, let null) = self { null } else { nil } }
}
