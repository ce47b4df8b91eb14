internal import Checkpoints
internal import Configurations
internal import Datasets
internal import DurableFiles
internal import JobSpec
internal import Models
internal import NeuralNet
internal import Problems
internal import Spool
internal import StrictJSON
internal import TensorCore

/// The autoencoder of a training on latents, and the way of its pictures to latents.
struct LatentStage {
    let configuration: AutoencoderKLConfiguration
    let autoencoder: Component<AutoencoderKL>
    private let phases: Phases
    /// SHA-256 of all that decides what it computes: configuration and weights.
    let digest: String
    private let context: JobContext

    /// Where a problem of the autoencoder's files points to.
    private let role: JobInput.Role

    /// - Parameter role: the job's key that names it.
    /// - Throws: what is wrong with its files.
    init(_ directory: AutoencoderPart, as role: JobInput.Role, _ context: JobContext) throws {
        (self.context, self.role) = (context, role)
        let phases = Phases(on: context.device)
        self.phases = phases
        configuration = directory.configuration
        (autoencoder, digest) = try pointing(to: role.jsonPath) {
            let parts = [
                try directory.weights().digest(),
                directory.configuration.config(diffusersVersion: Pipeline.diffusersVersion).line,
            ]
            return (
                try directory.component(of: phases, on: context.device),
                try SHA256.digest(of: Array(parts.joined(separator: "\n").utf8)).description
            )
        }
        context.log("latents of the autoencoder from \(directory.path)")
    }

    /// The data set's options with what follows from the autoencoder.
    func completed(_ dataset: DatasetConfiguration) -> DatasetConfiguration {
        var dataset = dataset
        if dataset.images?.channels == nil { dataset.images?.channels = configuration.inChannels }
        return dataset
    }

    /// The pictures or clips of a data set as scaled latents, from the spool's cache where they are known.
    func encoded(_ pictures: Dataset, _ common: CommonOptions) throws -> Dataset {
        let c = configuration
        guard let shape = c.latentShape(of: pictures.shape) else {
            throw Compatibility.encoding(pictures.shape, by: c)?.problem ?? Problem(.internal, "latents have no shape")
        }
        let codec = SampleCodec(shape, (c, autoencoder), context.tiling)
        let layout = SpoolLayout(root: context.arguments.spool)
        if let aside = try layout.secureCache(in: context.files) { context.log("note: \(aside)") }
        let directory = layout.latents
        let role = role
        var computed = 0
        let latents = try pictures.encoded(
            as: shape, cache: LatentCache(directory, encoder: digest, in: context.files),
            memory: JobContext.cacheLimit(common), on: context.device,
            encode: { pictures in
                // The path of the weights that are to blame is that of this job's autoencoder.
                do { return try codec.samples(of: pictures) } catch var problem as Problem {
                    problem.path = role.jsonPath
                    throw problem
                }
            }
        ) { event in
            switch event {
            case .damaged(let problem): context.log("warning: \(problem)")
            case .encoded(let done, let total, let news):
                if news > computed { context.log("\(done) of \(total) samples are latents") }
                computed = news
                try context.stop.check()
            }
        }
        context.log(
            "\(latents.shape.dimensions) latents of \(pictures.shape.dimensions) samples, \(computed) of them new in \(directory)"
        )
        release()
        return latents
    }

    /// Decodes one sample on a device that computes nothing.
    func rehearseDecoding(_ shape: SampleShape, on device: Device) throws {
        let configuration = configuration
        let autoencoder = Component(of: Phases(on: device)) {
            let network = AutoencoderKL(configuration, on: device)
            network.initialize(seed: 0)
            return network
        }
        _ = try SampleCodec(shape, (configuration, autoencoder), .rehearsed).shown(
            .zeros(Shape([1] + shape.dimensions), on: device))
    }

    /// Ends the autoencoder's phase: what trains has the memory.
    func release() { phases.end() }
}
