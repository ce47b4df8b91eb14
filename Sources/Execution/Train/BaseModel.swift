internal import Checkpoints
internal import Configurations
internal import DurableFiles
internal import JobSpec
internal import Models
internal import Problems
internal import StrictJSON

/// The model that a job trains further.
struct BaseModel {
    let pipeline: Pipeline
    /// Its own, or the one that the job names; nil for a model of pixels.
    let autoencoder: AutoencoderPart?
    /// The job's key that names the autoencoder.
    let autoencoderRole: JobInput.Role
    /// SHA-256 of all its weights.
    let digest: String

    static let role = JobInput.Role.baseModel

    /// Opens the model.
    ///
    /// - Throws: what is wrong with its files, what it lacks to be trained, and where it is another one than earlier
    ///   attempts of the job began with.
    init(_ job: FineTuneJob, _ context: JobContext) throws {
        pipeline = try context.open(
            job.baseModel, variant: job.variant, predictionType: job.predictionType,
            needsAutoencoder: job.autoencoder == nil, as: Self.role)
        autoencoderRole = job.autoencoder == nil ? Self.role : .autoencoder
        autoencoder = try Self.autoencoder(of: job, pipeline, context)
        if let misfit = Self.misfit(of: pipeline, job) { throw misfit.problem }
        let (pipeline, autoencoder) = (pipeline, autoencoder)
        digest = try pointing(to: Self.role.jsonPath) {
            // By their headers, before hours of work.
            try pipeline.check()
            return try pipeline.digest(with: autoencoder)
        }
        try checkSame(context)
    }

    private static func autoencoder(
        of job: FineTuneJob, _ pipeline: Pipeline, _ context: JobContext
    ) throws -> AutoencoderPart? {
        guard let reference = job.autoencoder else { return pipeline.autoencoder }
        let part = try context.openAutoencoder(reference, scalingFactor: pipeline.scalingFactor)
        if var misfit = Compatibility.latents(of: part.configuration, for: pipeline.configuration) {
            misfit.key = "autoencoder"
            misfit.remedy = "Name the autoencoder that the model was trained with, or one like it."
            throw misfit.problem
        }
        return part
    }

    /// What keeps the model from being trained by this job.
    private static func misfit(of pipeline: Pipeline, _ job: FineTuneJob) -> Misfit? {
        let model = pipeline.configuration
        let key = "base_model"
        if model.joinedChannels > 0 {
            return Misfit(
                key,
                "the model receives \(model.joinedChannels) further channels, such as a mask, which data sets do not give",
                remedy: "Train a model without such channels.", code: .unsupported)
        }
        if let misfit = job.loss.misfit(with: pipeline.scheduler, clips: model.clips != nil) {
            return misfit.within("diffusion")
        }
        if case .point = model.sampleShape {
            return Misfit(
                key, "the model draws points", remedy: "Models of points are small: train one from nothing.",
                code: .unsupported)
        }
        if case .vector = model.classConditioning {
            return Misfit(
                key,
                "the model takes class vectors (class_embed_type \"identity\"), but the classes of data sets are numbers",
                remedy: "Train a model with num_class_embeds.", code: .unsupported)
        }
        if job.training.classDropoutProb > 0, model.classConditioning.nullClass == nil {
            return Misfit(
                "training.class_dropout_prob", "the model has no null class to put in a class's place",
                remedy: "Remove it.")
        }
        if pipeline.text == nil {
            if job.training.samplePrompts != nil {
                return Misfit(
                    "training.sample_prompts", "sample_prompts are given, but the model reads no text",
                    remedy: "Remove it.")
            }
            if job.priorPreservation != nil {
                return Misfit("prior_preservation", "the model reads no text", remedy: "Remove it.")
            }
            if job.textualInversion != nil {
                return Misfit("textual_inversion", "the model reads no text", remedy: "Remove it.")
            }
            if job.adapter?.textEncoder == true {
                return Misfit("adapter.text_encoder", "the model has no text encoder", remedy: "Set it to false.")
            }
        }
        return nil
    }

    /// States of a training belong to the base model that it began with.
    private func checkSame(_ context: JobContext) throws {
        let path = Path.join(context.checkpoints, "base_model.json")
        let key = "sha256"
        guard try context.files.exists(path) else {
            return try context.write(
                Array(JSONNode(.object([.init(key, JSONNode(.string(digest)))])).line.utf8), to: path)
        }
        let begun = try JSONNode.parse(context.files.read(path, limit: 1 << 16), file: path)[key]?.string
        guard begun != digest else { return }
        throw Problem(
            .invalid, "the base model is not the one that this training began with",
            remedy: "Put the earlier one back, or submit the job anew to train from this one.", file: pipeline.path,
            path: Self.role.jsonPath, cause: "its SHA-256 was \(begun ?? "not noted"), and is \(digest)")
    }
}
