public import StrictJSON

/// The fully connected denoiser of minidiffusion, for data that are points: `x` (D) and `t / (T - 1) - 0.5` joined, hidden layers with
/// ReLU, and a linear layer back to D. The defaults give 3-256-256-256-2.
public struct MLPConfiguration: DenoiserConfiguration {
    public static let architecture = "mlp"
    public static let classNames = ["MLPDenoiser"]
    public static let component = "denoiser"

    /// D, numbers in a data point.
    public var dataDimension = 2
    /// Width of each hidden layer.
    public var hiddenSize = 256
    public var hiddenLayers = 3

    public init() {}

    public init(dataDimension: Int, hiddenSize: Int, hiddenLayers: Int) {
        self.dataDimension = dataDimension
        self.hiddenSize = hiddenSize
        self.hiddenLayers = hiddenLayers
    }

    public static let fields: [Field<Self>] = [
        Field("data_dimension", \.dataDimension, .integer(in: 1...4096), "Numbers in a data point."),
        Field("hidden_size", \.hiddenSize, .integer(in: 1...16384), "Width of each hidden layer."),
        Field("hidden_layers", \.hiddenLayers, .integer(in: 1...64), "Number of hidden layers."),
    ]

    public func validate(_ checks: inout Checks) {
        checks.boundParameters(
            (hiddenLayers - 1) * hiddenSize * hiddenSize + hiddenSize * (2 * dataDimension + 1), "hidden_size",
            and: ["hidden_layers", "data_dimension"])
    }
}

extension MLPConfiguration {
    public var sampleShape: SampleShape? { .point(dimension: dataDimension) }

    public func trainingMisfits(with scheduler: SchedulerConfiguration, dropsConditions: Bool) -> [Misfit] {
        guard scheduler.numTrainTimesteps < 2 else { return [] }
        return [
            Misfit(
                "diffusion.num_train_timesteps", "the mlp divides by num_train_timesteps - 1, which is 0",
                remedy: "Give at least 2.")
        ]
    }
}

extension Checks {
    /// Refuses a network that could not be trained or held in the memory of any machine that diffd is for.
    mutating func boundParameters(_ count: Int, _ key: String, and others: [String]) {
        let limit = 4_000_000_000
        guard count > limit else { return }
        fail(
            key, and: others, "the network would have about \(count / 1_000_000) million parameters",
            remedy: "Make it smaller: at most \(limit / 1_000_000) million are allowed.")
    }
}
