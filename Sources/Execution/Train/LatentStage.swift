internal import Checkpoints
internal import Configurations
internal import Datasets
internal import DurableFiles
internal import JobSpec
internal import Models
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

    /// - Throws: `invalid` where the job and the autoencoder don't fit, with the job's key.
    init(_ reference: ModelReference, for job: TrainJob, _ context: JobContext) throws {
        self.context = context
        let directory = try context.openAutoencoder(reference)
        if let mismatch = job.mismatch(with: directory.configuration) { throw mismatch }
        let phases = Phases(on: context.device)
        self.phases = phases
        configuration = directory.configuration
        (autoencoder, digest) = try pointing(to: JobInput.Role.autoencoder.jsonPath) {
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
        var computed = 0
        let latents = try pictures.encoded(
            as: shape, cache: LatentCache(directory, encoder: digest, in: context.files),
            memory: JobContext.cacheLimit(common), on: context.device,
            encode: { pictures in
                // The path of the weights that are to blame is that of this job's autoencoder.
                do { return try codec.samples(of: pictures) } catch var problem as Problem {
                    problem.path = JobInput.Role.autoencoder.jsonPath
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

    /// Ends the autoencoder's phase: what trains has the memory.
    func release() { phases.end() }
}
