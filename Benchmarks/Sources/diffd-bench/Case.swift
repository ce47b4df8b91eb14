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
        /// Of a text encoder.
        case encodeText = "encode_text"
        /// All parts of a model with words: two prompts to an image, by one guided step.
        case textToImage = "text_to_image"
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
    /// Files in Models/ of a model's other parts.
    var textEncoder: String?
    var autoencoder: String?
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
        case name, about, model, task, batch, steps, warmup, repeats, timesteps, loss, optimizer, target, autoencoder
        case textEncoder = "text_encoder"
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
        return CaseOfModel(case: found, directory: directory)
    }

    func model(named name: String) throws -> ModelConfiguration {
        try CaseOfModel.configuration(name, in: directory) { try ModelConfiguration.read(config: $0, file: $1) }
    }
}

struct CaseOfModel {
    var `case`: Case
    /// Where Models/ is, with the `config.json` of each.
    var directory: String

    func model() throws -> ModelConfiguration {
        try Self.configuration(`case`.model, in: directory) { try ModelConfiguration.read(config: $0, file: $1) }
    }

    func autoencoder() throws -> AutoencoderKLConfiguration {
        try Self.configuration(`case`.autoencoder ?? `case`.model, in: directory) {
            try AutoencoderKLConfiguration.read(config: $0, file: $1)
        }
    }

    func textEncoder() throws -> CLIPTextConfiguration {
        try Self.configuration(`case`.textEncoder ?? `case`.model, in: directory) {
            try CLIPTextConfiguration.read(config: $0, file: $1)
        }
    }

    fileprivate static func configuration<Configuration>(
        _ name: String, in directory: String,
        _ read: ([UInt8], String) throws -> (configuration: Configuration, warnings: [Problem])
    ) throws -> Configuration {
        let file = "\(directory)/Models/\(name).json"
        return try read(PosixFileSystem().read(file, limit: 1 << 20, followsLinks: true), file).configuration
    }
}
