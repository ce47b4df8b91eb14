public import Configurations
public import DurableFiles
public import Models
public import Problems
internal import Safetensors
internal import StrictJSON
public import TensorCore

/// An autoencoder on disk: by itself, as diffusers' `AutoencoderKL.save_pretrained` writes it, or a part of a pipeline.
public struct AutoencoderPart: Sendable {
    /// The directory that holds its `config.json`, or the file that holds its weights.
    public let path: String
    public let configuration: AutoencoderKLConfiguration
    /// Unknown keys of the configuration.
    public let warnings: [Problem]
    private let source: WeightsSource

    /// One whose configuration is known.
    init(_ configuration: AutoencoderKLConfiguration, _ source: WeightsSource, path: String) {
        (self.configuration, self.source, self.path) = (configuration, source, path)
        warnings = []
    }

    /// Reads the configuration.
    ///
    /// - Parameters:
    ///   - path: of the autoencoder, of a pipeline that has one, or of a `.safetensors` file with the names of Rombach et al.
    ///   - variant: of its weights' files.
    ///   - scalingFactor: of its latents, where a file does not tell it.
    /// - Throws: a `Problem`, or `Problems` for several in one file.
    public init(_ path: String, variant: String? = nil, scalingFactor: Double? = nil) throws {
        let files = PosixFileSystem()
        if try files.status(path, followsLinks: true)?.kind == .regular {
            try ForeignFormat.refuse(path)
            let table = TensorTable(try SafetensorsFile(path))
            let layout = try AutoencoderLayout(alone: table)
            var usual = AutoencoderKLConfiguration()
            usual.scalingFactor = scalingFactor ?? usual.scalingFactor
            configuration = try layout.configuration(table, scalingFactor: usual.scalingFactor, size: 512)
            self.path = path
            source = .file(path, layout.names)
            warnings =
                scalingFactor == nil
                ? [
                    Problem(
                        .unsupported,
                        "the file does not tell the scale of its latents: \(usual.scalingFactor) is assumed",
                        remedy: "Give the directory that AutoencoderKL.save_pretrained wrote, if it is another.",
                        file: path)
                ] : []
            return
        }
        let candidates = [Path.join(path, AutoencoderKLConfiguration.component), path]
        let found = try candidates.first { try files.exists(Path.join($0, "config.json")) }
        guard let found else {
            throw Problem(
                .missing, "\(path) is not an autoencoder: it has neither config.json nor vae/config.json",
                remedy:
                    "Name what AutoencoderKL.save_pretrained or the training of an autoencoder wrote, or a pipeline.",
                file: Path.join(path, "config.json"))
        }
        self.path = found
        source = .directory(found, variant: variant)
        let file = Path.join(found, "config.json")
        (configuration, warnings) = try AutoencoderKLConfiguration.read(
            config: files.read(file, limit: 1 << 20, followsLinks: true), file: file)
    }

    /// Where the weights lie.
    public func weights() throws -> Weights { try source.weights() }

    /// The autoencoder with its weights.
    public func autoencoder(on device: Device) throws -> AutoencoderKL {
        let autoencoder = AutoencoderKL(configuration, on: device)
        try weights().load(into: autoencoder)
        return autoencoder
    }

    /// The autoencoder as one of the networks that take turns in memory.
    ///
    /// - Throws: what its files lack, by their headers.
    public func component(of phases: Phases, on device: Device) throws -> Component<AutoencoderKL> {
        let weights = try weights()
        try weights.check(for: AutoencoderKL(configuration, on: .rehearsal()))
        return try Component(of: phases, weights) { try autoencoder(on: device) }
    }

    /// Writes the same autoencoder into `directory`, which exists and is not yet seen, tensor by tensor.
    func copy(to directory: String, in files: any FileSystem) throws {
        let config = configuration.config(diffusersVersion: Pipeline.diffusersVersion)
        try files.writeAtomically(Array(config.text.utf8), to: Path.join(directory, "config.json"))
        try weights().copy(
            for: AutoencoderKL(configuration, on: .rehearsal()), to: Path.join(directory, Weights.fileName), in: files)
    }

    /// Writes an autoencoder into `path`, a directory that exists and is not yet seen.
    static func save(_ autoencoder: AutoencoderKL, to path: String, in files: any FileSystem) throws {
        let config = autoencoder.configuration.config(diffusersVersion: Pipeline.diffusersVersion)
        try files.writeAtomically(Array(config.text.utf8), to: Path.join(path, "config.json"))
        try Weights.save(autoencoder, to: path, in: files)
    }

    /// Adds a second set of weights beside the published one, as diffusers' `variant=` names it.
    public static func addVariant(
        _ variant: String, of autoencoder: AutoencoderKL, to path: String, in files: any FileSystem
    ) throws {
        try Weights.save(autoencoder, variant: variant, to: path, in: files, durability: .synchronized)
    }

    /// Makes the directory appear at `path`, whole and durable, replacing an old one.
    public static func publish(_ autoencoder: AutoencoderKL, at path: String, in files: any FileSystem) throws {
        try files.publishDirectory(path) { try save(autoencoder, to: $0, in: files) }
    }
}
