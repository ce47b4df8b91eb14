public import Configurations

/// A path that a job file names and the job reads from.
public struct JobInput: Sendable, Hashable {
    public enum Role: String, Sendable, CaseIterable {
        case datasetPath = "$.dataset.path"
        case datasetImages = "$.dataset.images"
        case datasetLabels = "$.dataset.labels"
        case model = "$.model"
        case baseModel = "$.base_model"
        case textEncoder = "$.text_encoder"
        case priorPath = "$.prior_preservation.path"
        case autoencoder = "$.autoencoder"
        case image = "$.image"
        case mask = "$.mask"
        case video = "$.video"
        case to = "$.to"
        case samples = "$.samples"
        case reference = "$.reference"
        case inception = "$.inception"
        case refiner = "$.refiner"
        case promptFile = "$.prompt_file"
        case embeddings = "$.embeddings"
        case loras = "$.loras"
        case loraModels = "$.loras.model"

        /// Where it stands in the job file.
        public var jsonPath: String { self == .loraModels ? Self.loras.rawValue : rawValue }
    }

    public var role: Role
    public var path: String

    public init(role: Role, path: String) {
        self.role = role
        self.path = path
    }
}

extension JobSpec {
    /// Every path that the job reads from, as the file gives it.
    public var inputs: [JobInput] {
        switch self {
        case .train(let job):
            job.dataset.inputs
                + (job.autoencoder?.path.map { [JobInput(role: .autoencoder, path: $0)] } ?? [])
                + (job.textEncoder?.model?.path.map { [JobInput(role: .textEncoder, path: $0)] } ?? [])
        case .trainAutoencoder(let job): job.dataset.inputs
        case .fineTune(let job):
            job.dataset.inputs
                + [
                    (JobInput.Role.baseModel, job.baseModel.path), (.autoencoder, job.autoencoder?.path),
                    (.priorPath, job.priorPreservation?.path),
                ].compactMap { (role, path) in path.map { JobInput(role: role, path: $0) } }
        case .sample(let job): job.drawing.inputs + (job.clip.image.map { [JobInput(role: .image, path: $0)] } ?? [])
        case .img2img(let job):
            job.drawing.inputs + job.image.map { JobInput(role: .image, path: $0) }
                + (job.mask.map { [JobInput(role: .mask, path: $0)] } ?? [])
        case .videoExtend(let job):
            job.drawing.inputs + [JobInput(role: .video, path: job.video)]
                + (job.to.map { [JobInput(role: .to, path: $0)] } ?? [])
        case .evaluate(let job):
            (job.dataset?.inputs ?? [])
                + [
                    (.model, job.model?.path), (.samples, job.samples?.path), (.reference, job.reference?.path),
                    (.inception, job.inception),
                ].compactMap { (role: JobInput.Role, path: String?) in path.map { JobInput(role: role, path: $0) } }
        }
    }

    /// Every model that the job uses.
    public var models: [ModelReference] { modelUses.map(\.model) }

    /// Every model that the job uses, as what, and where that stands in the job file.
    public var modelUses: [(model: ModelReference, role: JobInput.Role, path: String)] {
        func use(_ model: ModelReference?, _ role: JobInput.Role)
            -> [(model: ModelReference, role: JobInput.Role, path: String)]
        {
            model.map { [($0, role, role.jsonPath)] } ?? []
        }
        switch self {
        case .train(let job): return use(job.autoencoder, .autoencoder) + use(job.textEncoder?.model, .textEncoder)
        case .trainAutoencoder: return []
        case .fineTune(let job): return use(job.baseModel, .baseModel) + use(job.autoencoder, .autoencoder)
        case .sample(let job): return job.drawing.modelUses
        case .img2img(let job): return job.drawing.modelUses
        case .videoExtend(let job): return job.drawing.modelUses
        case .evaluate(let job): return use(job.model, .model)
        }
    }

    /// Every job whose pictures the job looks at.
    public var pictures: [JobReference] { pictureUses.map(\.job) }

    /// The same, and as what.
    public var pictureUses: [(job: JobReference, role: JobInput.Role)] {
        guard case .evaluate(let job) = self else { return [] }
        return [(job.samples, JobInput.Role.samples), (job.reference, .reference)].compactMap { pictures, role in
            if case .job(let job)? = pictures { (job, role) } else { nil }
        }
    }

    /// The job with each of its input paths replaced.
    public func mapInputs<Failure: Error>(
        _ transform: (JobInput) throws(Failure) -> String
    ) throws(Failure) -> JobSpec {
        func new(_ role: JobInput.Role, _ path: String) throws(Failure) -> String {
            try transform(JobInput(role: role, path: path))
        }
        switch self {
        case .train(var job):
            job.dataset = try job.dataset.mapInputs(transform)
            if let path = job.autoencoder?.path { job.autoencoder = .path(try new(.autoencoder, path)) }
            if let path = job.textEncoder?.model?.path {
                job.textEncoder = .frozen(.path(try new(.textEncoder, path)))
            }
            return .train(job)
        case .trainAutoencoder(var job):
            job.dataset = try job.dataset.mapInputs(transform)
            return .trainAutoencoder(job)
        case .fineTune(var job):
            job.dataset = try job.dataset.mapInputs(transform)
            if let path = job.baseModel.path { job.baseModel = .path(try new(.baseModel, path)) }
            if let path = job.autoencoder?.path { job.autoencoder = .path(try new(.autoencoder, path)) }
            if let path = job.priorPreservation?.path { job.priorPreservation?.path = try new(.priorPath, path) }
            return .fineTune(job)
        case .sample(var job):
            job.drawing = try job.drawing.mapInputs(transform)
            if let image = job.clip.image { job.clip.image = try new(.image, image) }
            return .sample(job)
        case .img2img(var job):
            job.drawing = try job.drawing.mapInputs(transform)
            for index in job.image.indices { job.image[index] = try new(.image, job.image[index]) }
            if let mask = job.mask { job.mask = try new(.mask, mask) }
            return .img2img(job)
        case .videoExtend(var job):
            job.drawing = try job.drawing.mapInputs(transform)
            job.video = try new(.video, job.video)
            if let to = job.to { job.to = try new(.to, to) }
            return .videoExtend(job)
        case .evaluate(var job):
            job.dataset = try job.dataset?.mapInputs(transform)
            if let path = job.model?.path { job.model = .path(try new(.model, path)) }
            if let path = job.samples?.path { job.samples = .path(try new(.samples, path)) }
            if let path = job.reference?.path { job.reference = .path(try new(.reference, path)) }
            if let path = job.inception { job.inception = try new(.inception, path) }
            return .evaluate(job)
        }
    }
}

extension DatasetConfiguration {
    /// Every path that it is read from.
    var inputs: [JobInput] {
        switch self {
        case .synthetic: []
        case .imageFolder(let folder): [JobInput(role: .datasetPath, path: folder.path)]
        case .videoFolder(let folder):
            [JobInput(role: .datasetPath, path: folder.path)]
                + (folder.stills.map { [JobInput(role: .datasetImages, path: $0)] } ?? [])
        case .idx(let idx):
            [JobInput(role: .datasetImages, path: idx.imagesPath)]
                + (idx.labelsPath.map { [JobInput(role: .datasetLabels, path: $0)] } ?? [])
        case .cifar10(let cifar): [JobInput(role: .datasetPath, path: cifar.path)]
        }
    }

    /// The data set with each of its paths replaced.
    public func mapInputs<Failure: Error>(
        _ transform: (JobInput) throws(Failure) -> String
    ) throws(Failure) -> DatasetConfiguration {
        func new(_ role: JobInput.Role, _ path: String) throws(Failure) -> String {
            try transform(JobInput(role: role, path: path))
        }
        switch self {
        case .synthetic: return self
        case .imageFolder(var folder):
            folder.path = try new(.datasetPath, folder.path)
            return .imageFolder(folder)
        case .videoFolder(var folder):
            folder.path = try new(.datasetPath, folder.path)
            if let stills = folder.stills { folder.stills = try new(.datasetImages, stills) }
            return .videoFolder(folder)
        case .idx(var idx):
            idx.imagesPath = try new(.datasetImages, idx.imagesPath)
            if let labels = idx.labelsPath { idx.labelsPath = try new(.datasetLabels, labels) }
            return .idx(idx)
        case .cifar10(var cifar):
            cifar.path = try new(.datasetPath, cifar.path)
            return .cifar10(cifar)
        }
    }
}

extension DrawingOptions {
    fileprivate var inputs: [JobInput] {
        (model.path.map { [JobInput(role: .model, path: $0)] } ?? [])
            + (autoencoder?.path.map { [JobInput(role: .autoencoder, path: $0)] } ?? [])
            + (refiner?.path.map { [JobInput(role: .refiner, path: $0)] } ?? [])
            + (prompts.promptFile.map { [JobInput(role: .promptFile, path: $0)] } ?? [])
            + prompts.embeddings.map { JobInput(role: .embeddings, path: $0) }
            + prompts.loras.compactMap { lora in lora.path.map { JobInput(role: .loras, path: $0) } }
            + prompts.loras.compactMap { lora in lora.model?.path.map { JobInput(role: .loraModels, path: $0) } }
    }

    fileprivate func mapInputs<Failure: Error>(
        _ transform: (JobInput) throws(Failure) -> String
    ) throws(Failure) -> DrawingOptions {
        var copy = self
        if let path = model.path { copy.model = .path(try transform(JobInput(role: .model, path: path))) }
        if let path = autoencoder?.path {
            copy.autoencoder = .path(try transform(JobInput(role: .autoencoder, path: path)))
        }
        if let path = refiner?.path { copy.refiner = .path(try transform(JobInput(role: .refiner, path: path))) }
        if let path = prompts.promptFile {
            copy.prompts.promptFile = try transform(JobInput(role: .promptFile, path: path))
        }
        for index in prompts.embeddings.indices {
            copy.prompts.embeddings[index] = try transform(JobInput(role: .embeddings, path: prompts.embeddings[index]))
        }
        for (index, lora) in prompts.loras.enumerated() {
            if let path = lora.path {
                copy.prompts.loras[index].path = try transform(JobInput(role: .loras, path: path))
            }
            if let path = lora.model?.path {
                copy.prompts.loras[index].model = .path(try transform(JobInput(role: .loraModels, path: path)))
            }
        }
        return copy
    }
}

extension DrawingOptions {
    fileprivate var modelUses: [(model: ModelReference, role: JobInput.Role, path: String)] {
        let parts: [(ModelReference?, JobInput.Role)] = [
            (model, .model), (autoencoder, .autoencoder), (refiner, .refiner),
        ]
        return parts.compactMap { model, role in model.map { ($0, role, role.jsonPath) } }
            + prompts.loras.enumerated().compactMap { index, lora in
                lora.model.map { ($0, .loraModels, "$.loras[\(index)].model") }
            }
    }
}
