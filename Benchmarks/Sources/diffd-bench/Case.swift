internal import Configurations
internal import DurableFiles
internal import Problems
internal import StrictJSON

/// A case of `cases.json`, which both programs read.
struct Case: Decodable {
    enum Task: String, Decodable {
        case train, forward, sample
        /// Of an autoencoder.
        case encode, decode
    }
    enum LossKind: String, Decodable { case mse, huber }
    enum OptimizerKind: String, Decodable { case adam, adamw }

    /// Ratios to PyTorch in one run that are to be reached: speed at least, memory at most.
    struct Target: Codable {
        var speed: Double
        var memory: Double
    }

    var name: String
    var about: String
    /// The name of a file in Models/.
    var model: String
    var task: Task
    var batch: Int
    /// Training steps, forward passes or sampling steps in one timing.
    var steps: Int
    /// The same before the first timing.
    var warmup: Int
    /// Timings in one process.
    var repeats: Int
    /// T of the noise schedule, linear from 1e-4 to 0.02.
    var timesteps: Int
    var loss: LossKind?
    var optimizer: OptimizerKind?
    var learningRate: Double?
    var maxGradNorm: Double?
    var emaDecay: Double?
    var target: Target?

    enum CodingKeys: String, CodingKey {
        case name, about, model, task, batch, steps, warmup, repeats, timesteps, loss, optimizer, target
        case learningRate = "learning_rate"
        case maxGradNorm = "max_grad_norm"
        case emaDecay = "ema_decay"
    }
}

/// The cases and models in the directory of the benchmarks.
struct Catalogue {
    let directory: String
    let cases: [Case]

    init(_ directory: String) throws {
        self.directory = directory
        let path = "\(directory)/cases.json"
        cases = try JSONText.decode(from: PosixFileSystem().read(path, limit: 1 << 20, followsLinks: true), file: path)
    }

    func `case`(named name: String) throws -> CaseOfModel {
        guard let found = cases.first(where: { $0.name == name }) else {
            throw Problem(
                .missing, "there is no case \(name)",
                remedy: "Choose one of \(cases.map(\.name).joined(separator: ", ")).")
        }
        return CaseOfModel(case: found, modelFile: file(ofModel: found.model))
    }

    private func file(ofModel name: String) -> String { "\(directory)/Models/\(name).json" }

    func model(named name: String) throws -> ModelConfiguration {
        try CaseOfModel.configuration(in: file(ofModel: name)) { try ModelConfiguration.read(config: $0, file: $1) }
    }
}

struct CaseOfModel {
    var `case`: Case
    /// Its `config.json`.
    var modelFile: String

    func model() throws -> ModelConfiguration {
        try Self.configuration(in: modelFile) { try ModelConfiguration.read(config: $0, file: $1) }
    }

    func autoencoder() throws -> AutoencoderKLConfiguration {
        try Self.configuration(in: modelFile) { try AutoencoderKLConfiguration.read(config: $0, file: $1) }
    }

    fileprivate static func configuration<Configuration>(
        in file: String, _ read: ([UInt8], String) throws -> (configuration: Configuration, warnings: [Problem])
    ) throws -> Configuration {
        try read(PosixFileSystem().read(file, limit: 1 << 20, followsLinks: true), file).configuration
    }
}
