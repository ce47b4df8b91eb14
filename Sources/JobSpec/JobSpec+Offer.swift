import Configurations
public import Problems

/// What a training will offer to the jobs that use it, as far as its job file tells.
extension JobSpec {
    /// What keeps this job from using what another one trains: empty where all fits, or where only the finished model can tell.
    ///
    /// - Parameters:
    ///   - training: a job of kind `train`.
    ///   - role: as what this one uses it.
    ///   - first: the training of the autoencoder whose latents it learns; nil where there is none, or it is not known.
    public func faults(using training: JobSpec, as role: JobInput.Role, of first: JobSpec? = nil) -> [Problem] {
        let autoencoder: AutoencoderKLConfiguration? =
            if case .trainAutoencoder(let job)? = first { job.model } else { nil }
        switch (training, role) {
        case (.trainAutoencoder, .model), (.trainAutoencoder, .refiner), (.trainAutoencoder, .baseModel):
            return [
                Problem(
                    .invalid, "the job \(training.name) trains an autoencoder, which draws nothing by itself",
                    remedy: "Name a job that trains a model.", path: role.jsonPath)
            ]
        case (.fineTune(let job), .model), (.fineTune(let job), .refiner), (.fineTune(let job), .baseModel):
            guard job.adapter != nil || job.textualInversion != nil else { return [] }
            return [
                Problem(
                    .invalid,
                    "the job \(training.name) trains \(job.adapter == nil ? "a word" : "an adapter") beside its base model, not a model",
                    remedy: job.adapter == nil
                        ? "Name its base model, and the file of its model/ in \"embeddings\"."
                        : "Name its base model, and the job in \"loras\".", path: role.jsonPath)
            ]
        case (.trainAutoencoder(let job), .autoencoder):
            guard case .train(let own) = self, let mismatch = own.mismatch(with: job.model) else { return [] }
            return [mismatch]
        case (.train(let job), .autoencoder) where job.autoencoder == nil:
            return [
                Problem(
                    .invalid, "the job \(training.name) trains a \(job.model.className) without an autoencoder",
                    remedy: "Name a job that trains an autoencoder, or a model of latents.", path: role.jsonPath)
            ]
        case (.train(let job), .model): return faults(drawingWith: job, autoencoder)
        default: return []
        }
    }

    private func faults(drawingWith job: TrainJob, _ autoencoder: AutoencoderKLConfiguration?) -> [Problem] {
        switch self {
        case .sample(let own):
            let shape = Problem.caught { () throws(Problem) in
                // Without the autoencoder the size of its pictures is not known.
                guard let shape = job.model.sampleShape, job.autoencoder == nil || autoencoder != nil else { return }
                _ = try own.clip.shape(of: job.model, shape, autoencoder)
            }
            return own.drawing.faults(with: job) + [shape].compactMap(\.self)
        case .img2img(let own):
            let isImage = job.model.sampleShape.map(\.isImage) ?? true
            return own.drawing.faults(with: job)
                + (isImage
                    ? []
                    : [
                        Problem(
                            .unsupported, "the job \(job.common.name ?? "") trains a model that draws no pictures",
                            remedy: "Use a model of pictures.", path: "$.model")
                    ])
        case .videoExtend(let own):
            guard job.model.clips == nil else { return own.drawing.faults(with: job) }
            return [
                Problem(
                    .unsupported, "the job \(job.common.name ?? "") trains a model that makes no video",
                    remedy: "Use a model of the architecture \"video_dit\".", path: "$.model")
            ]
        case .evaluate, .train, .trainAutoencoder, .fineTune: return []
        }
    }
}

extension DrawingOptions {
    /// What of prompts, classes and guidance does not go with a model that is trained by itself.
    fileprivate func faults(with job: TrainJob) -> [Problem] {
        let model = job.model
        // What goes with one that reads text is for its encoder to say.
        guard job.textEncoder == nil, model.contextWidth == nil else { return [] }
        // Its class names are known when it has seen its data; that it takes classes is known now.
        let labels = classLabels?.map { if case .number(let number) = $0 { number } else { 0 } }
        return [
            Compatibility.prompts(areGiven: prompts.isGiven, for: nil),
            Compatibility.labels(labels, for: model),
            guidanceScale.flatMap { Compatibility.guidance($0, for: model) },
        ].compactMap { $0?.problem }
    }
}

extension Problem {
    /// What `body` throws.
    fileprivate static func caught(_ body: () throws(Problem) -> Void) -> Problem? {
        do {
            try body()
            return nil
        } catch { return error }
    }
}
