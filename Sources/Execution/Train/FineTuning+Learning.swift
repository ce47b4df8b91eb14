internal import Checkpoints
internal import Configurations
internal import Datasets
internal import Diffusion
internal import JobSpec
internal import Models
internal import NeuralNet
internal import Problems
internal import TensorCore
internal import Training

/// What learns: the denoiser, some of its parameters, adapters beside networks, or the vectors of a word.
extension FineTuning {
    func task(on device: Device) throws -> DenoiserTask {
        let pipeline = base.pipeline
        let model = pipeline.configuration.makeModel(
            numTrainTimesteps: pipeline.scheduler.numTrainTimesteps, on: device)
        let encoders = try job.teachesText ? text?.encoders.map { try $0.network(on: device) } ?? [] : []
        var stage = encoded
        if job.teachesText, let text, let words {
            stage = try CaptionStage(text, learning: encoders, on: device, words, context)
        }
        func denoising(_ objective: Objective, _ captions: DenoisingTask.Captions?) -> DenoisingTask {
            DenoisingTask(
                model, takes: pipeline.configuration.conditionParts,
                unconditional: pipeline.configuration.unconditional, objective: objective, captions: captions,
                conditionDropout: stage == nil ? job.training.classDropoutProb : job.captionDropoutProb,
                noiseOffset: job.loss.noiseOffset, seed: job.common.seed)
        }
        var task = DenoiserTask(
            denoising: denoising(objective, stage?.captions), words: stage, encoders: encoders)
        if let prior, let options = job.priorPreservation, let stage, let words {
            // Their only caption is behind those of the data set. All timesteps weigh the same.
            let captions: DenoisingTask.Captions = {
                try stage.captions($0.map { $0 == nil ? nil : words.captions.count })
            }
            task.prior = DenoiserTask.Prior(
                task: denoising(try Self.objective(of: base, job, snrGamma: nil), captions),
                weight: Float(options.weight),
                batches: prior.trainingBatches(
                    seed: job.common.seed, size: job.training.batchSize,
                    perStep: job.training.gradientAccumulationSteps, on: device),
                batchSize: job.training.batchSize)
        }
        if job.adapter == nil, job.textualInversion == nil {
            try checkSelection(of: model)
        } else if device.isRehearsal {
            model.initialize(seed: 0)
        } else {
            try load(into: model)
        }
        if let options = job.adapter { task.adapters = try adapters(options, beside: model, encoders) }
        if let word = job.textualInversion {
            for (encoder, token) in zip(encoders, initializers) { encoder.addPlaceholders(word.vectors, like: token) }
        }
        return task
    }

    private func load(into model: any Denoiser) throws {
        try pointing(to: BaseModel.role.jsonPath) { try base.pipeline.weights().load(into: model) }
    }

    private func checkSelection(of model: any Denoiser) throws {
        let selection = job.selection
        guard !model.parameters.contains(where: { selection.contains($0.name) }) else { return }
        throw Problem(
            .invalid,
            "no parameter of the \(base.pipeline.configuration.className) matches "
                + selection.patterns.joined(separator: ", "),
            remedy: "Give attention, feed_forward or convolution, or names as they are in the weights' files.",
            path: "$.parameters")
    }

    /// Pairs beside the layers of the denoiser that are targets, and beside those of the text encoders, where these
    /// learn too: all six kinds that other programs expect there.
    private func adapters(
        _ options: AdapterOptions, beside model: any Denoiser, _ encoders: [any TextEncoder]
    ) throws -> [(component: String, adapter: LowRankAdapter)] {
        func adapter(of network: any Module, at kinds: [LayerKind]) -> LowRankAdapter {
            LowRankAdapter(
                of: network, at: ParameterSelection(kinds.flatMap(\.patterns)), rank: options.rank, alpha: options.alpha
            )
        }
        let own = adapter(of: model, at: options.targets)
        guard !own.layers.isEmpty else {
            throw Problem(
                .invalid,
                "the \(base.pipeline.configuration.className) has no layers of the kinds "
                    + options.targets.map(\.rawValue).joined(separator: ", "),
                remedy: "Choose other targets.", path: "$.adapter.targets")
        }
        let others = zip(text?.encoders ?? [], encoders).map { part, network in
            (part.component, adapter(of: network, at: [.attention, .feedForward]))
        }
        return [(base.pipeline.configuration.component, own)] + others
    }

    func groups(of task: DenoiserTask) -> [LearnerGroup] {
        let optimization = job.training.optimization
        if job.textualInversion != nil {
            return zip(text?.encoders ?? [], task.encoders).map { part, encoder in
                let values = encoder.placeholders?.value
                return LearnerGroup(
                    "word.\(part.component)", encoder, selection: ParameterSelection(["*placeholders"]),
                    .loaded { if let values { encoder.placeholders?.assign(values) } }, optimization)
            }
        }
        if !task.adapters.isEmpty {
            return task.adapters.map { component, adapter in
                LearnerGroup("adapter.\(component)", adapter, .random(seed: job.common.seed), optimization)
            }
        }
        let model = task.denoising.model
        return [
            LearnerGroup(
                "denoiser", model, selection: job.selection, .loaded { try load(into: model) }, optimization)
        ]
    }
}

extension TextEncoder {
    /// Begins so many placeholders with the vector of a token.
    fileprivate func addPlaceholders(_ count: Int, like token: Int) {
        let table = parameters.first { $0.name.hasSuffix("token_embedding.weight") }?.parameter.value  // (V, D)
        setPlaceholders(table?.rows(at: [Int](repeating: token, count: count)))
    }
}

extension FineTuneJob {
    /// Whether a step encodes its captions, since what encodes them learns.
    var teachesText: Bool { adapter?.textEncoder == true || textualInversion != nil }

    /// Which of the denoiser's parameters learn.
    fileprivate var selection: ParameterSelection {
        guard let parameters else { return .all }
        return ParameterSelection(
            parameters.flatMap { name in LayerKind(rawValue: name)?.patterns.map { "\($0).*" } ?? [name] })
    }
}
