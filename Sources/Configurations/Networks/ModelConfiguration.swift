public import Problems
public import StrictJSON

/// The `architecture` of a job file's `model`.
public enum ModelArchitecture: String, Sendable, CaseIterable {
    case mlp
    case unet2d
    case annotatedUNet = "annotated_unet"
    case dit
    case videoDiT = "video_dit"
}

/// The `_class_name` of a model's `config.json`: diffusers' where it has the class, ours otherwise.
public enum ModelClass: String, Sendable, CaseIterable {
    case mlp = "MLPDenoiser"
    case unet2d = "UNet2DModel"
    case annotatedUNet = "AnnotatedUNet"
    case ditTransformer2D = "DiTTransformer2DModel"
    /// What diffusers called a DiT before that had a class of its own, and other transformers, which are not supported.
    case transformer2D = "Transformer2DModel"
    /// A DiT that diffusers' class does not compute.
    case dit = "DiT"
    case videoDiT = "VideoDiT"

    public var isDiffusersClass: Bool {
        switch self {
        case .unet2d, .ditTransformer2D, .transformer2D: true
        case .mlp, .annotatedUNet, .dit, .videoDiT: false
        }
    }
}

/// What a denoising network is built from: one struct for each architecture.
public enum ModelConfiguration: Sendable, Hashable {
    case mlp(MLPConfiguration)
    case unet2d(UNet2DConfiguration)
    case annotatedUNet(AnnotatedUNetConfiguration)
    case dit(DiTConfiguration)
    case videoDiT(VideoDiTConfiguration)

    /// As the `model` of a job file: an object whose `architecture` says the rest.
    public static let form = Form<ModelConfiguration>.oneOf(
        "architecture",
        [
            Alternative(ModelArchitecture.mlp.rawValue, Self.mlp) {
                if case .mlp(let payload) = $0 { payload } else { nil }
            },
            Alternative(ModelArchitecture.unet2d.rawValue, Self.unet2d) {
                if case .unet2d(let payload) = $0 { payload } else { nil }
            },
            Alternative(ModelArchitecture.annotatedUNet.rawValue, Self.annotatedUNet) {
                if case .annotatedUNet(let payload) = $0 { payload } else { nil }
            },
            Alternative(ModelArchitecture.dit.rawValue, Self.dit) {
                if case .dit(let payload) = $0 { payload } else { nil }
            },
            Alternative(ModelArchitecture.videoDiT.rawValue, Self.videoDiT) {
                if case .videoDiT(let payload) = $0 { payload } else { nil }
            },
        ], elsewhere: [AutoencoderKLConfiguration.architecture])

    public var architecture: ModelArchitecture {
        switch self {
        case .mlp: .mlp
        case .unet2d: .unet2d
        case .annotatedUNet: .annotatedUNet
        case .dit: .dit
        case .videoDiT: .videoDiT
        }
    }

    public var modelClass: ModelClass {
        switch self {
        case .mlp: .mlp
        case .unet2d: .unet2d
        case .annotatedUNet: .annotatedUNet
        case .dit(let dit): dit.isDiffusersModel ? .ditTransformer2D : .dit
        case .videoDiT: .videoDiT
        }
    }

    /// `_class_name` of `config.json`.
    public var className: String { modelClass.rawValue }

    /// The shape of its samples; nil for a `UNet2DModel` that was saved without `sample_size`.
    public var sampleShape: SampleShape? {
        switch self {
        case .mlp(let mlp): .point(dimension: mlp.dataDimension)
        case .unet2d(let unet): unet.sampleSize.map { .image($0, channels: unet.inChannels) }
        case .annotatedUNet(let unet): .image(ImageSize(unet.sampleSize), channels: unet.channels)
        case .dit(let dit): .image(ImageSize(dit.sampleSize), channels: dit.inChannels)
        case .videoDiT(let dit):
            .video(frames: dit.sampleFrames, ImageSize(dit.sampleSize), channels: dit.inChannels)
        }
    }

    /// Channels of its input; nil for points.
    public var channels: Int? {
        switch self {
        case .mlp: nil
        case .unet2d(let unet): unet.inChannels
        case .annotatedUNet(let unet): unet.channels
        case .dit(let dit): dit.inChannels
        case .videoDiT(let dit): dit.inChannels
        }
    }

    /// The key that says how many those are.
    public var channelsKey: String { if case .annotatedUNet = self { "channels" } else { "in_channels" } }

    /// Channels of its output, where the configuration gives them apart from the input's.
    public var outputChannels: Int? {
        switch self {
        case .mlp, .annotatedUNet, .videoDiT: nil
        case .unet2d(let unet): unet.outChannels
        case .dit(let dit): dit.outputChannels
        }
    }

    /// The key that says how many classes it knows.
    public var classCountKey: String {
        isTransformer ? "num_embeds_ada_norm" : "num_class_embeds"
    }

    /// What that key must say for so many classes. diffusers' DiT counts its null class beside them.
    public func classTableSize(for classes: Int) -> Int {
        isTransformer || classConditioning.nullClass == nil ? classes : classes + 1
    }

    private var isTransformer: Bool {
        switch self {
        case .dit, .videoDiT: true
        case .mlp, .unet2d, .annotatedUNet: false
        }
    }

    /// Height and width of a patch, of which a side of its samples must be a multiple; nil for networks without patches.
    public var patchSize: Int? {
        switch self {
        case .mlp, .unet2d, .annotatedUNet: nil
        case .dit(let dit): dit.patchSize
        case .videoDiT(let dit): dit.patchSize
        }
    }

    /// What it costs, where that is known before it is built.
    public var cost: NetworkCost? {
        switch self {
        case .mlp, .unet2d, .annotatedUNet: nil
        case .dit(let dit): dit.cost
        case .videoDiT(let dit): dit.cost(frames: dit.sampleFrames)
        }
    }

    /// Why it cannot be asked about every timestep of a schedule: the key of the model that is to blame, what is wrong, and the
    /// remedy. Nil when it can.
    public func mismatch(
        with scheduler: SchedulerConfiguration
    ) -> (key: String, message: String, remedy: String)? {
        if let known = knownTimesteps, scheduler.numTrainTimesteps > known {
            return (
                "num_train_timesteps",
                "the model has learned \(known) timesteps, but the schedule has \(scheduler.numTrainTimesteps)",
                "Make the model's num_train_timesteps and the schedule's equal."
            )
        }
        if case .unet2d(let unet) = self, unet.timeEmbeddingType == .fourier {
            return (
                "time_embedding_type",
                "a model with Fourier features of the timestep is told noise levels above 0, and this schedule begins with 0",
                "Use \"positional\"."
            )
        }
        return nil
    }

    /// Timesteps that it can be asked about, `0..<knownTimesteps`; nil: any. A noise schedule must not have more.
    public var knownTimesteps: Int? {
        switch self {
        case .mlp, .annotatedUNet, .dit, .videoDiT: nil
        case .unet2d(let unet): unet.timeEmbeddingType == .learned ? unet.numTrainTimesteps : nil
        }
    }

    /// How it is told the class of a sample.
    public var classConditioning: ClassConditioning {
        switch self {
        case .mlp, .annotatedUNet: .none
        case .unet2d(let unet): unet.classConditioning
        case .dit(let dit): dit.classConditioning
        case .videoDiT(let dit): dit.classConditioning
        }
    }
}

/// How a model is told the class of a sample.
public enum ClassConditioning: Sendable, Hashable {
    /// Not at all.
    case none
    /// Labels from 0 to below `count`, each with a learned vector. `null`, where there is one, is a further label that
    /// stands for no class: what classifier-free guidance compares with (Ho & Salimans 2022).
    case table(count: Int, null: Int?)
    /// A number per sample, embedded as a timestep is.
    case timestep
    /// A vector per sample, as wide as the time embedding.
    case vector

    /// The label that stands for no class; nil for a model that cannot be guided.
    public var nullClass: Int? { if case .table(_, let null) = self { null } else { nil } }
}

extension ModelConfiguration {
    /// Reads a model's `config.json`, in which `_class_name` decides. Absent keys take the class's defaults; unknown keys are warnings,
    /// since newer versions of diffusers add some.
    public static func read(
        config bytes: [UInt8], file: String? = nil
    ) throws(Problems) -> (configuration: ModelConfiguration, warnings: [Problem]) {
        let root = try JSONNode.parse(bytes, file: file)
        var report = Report(unknownKeys: .areWarnings)
        let modelClass = Report.className(of: root, among: ModelClass.self, \.rawValue, &report)
        let configuration: ModelConfiguration? =
            switch modelClass {
            case .mlp: MLPConfiguration.read(root, into: &report).map(Self.mlp)
            case .unet2d: UNet2DConfiguration.read(root, into: &report).map(Self.unet2d)
            case .annotatedUNet: AnnotatedUNetConfiguration.read(root, into: &report).map(Self.annotatedUNet)
            case .ditTransformer2D, .dit: DiTConfiguration.read(root, into: &report).map(Self.dit)
            case .transformer2D: DiTConfiguration.read(transformer2D: root, into: &report).map(Self.dit)
            case .videoDiT: VideoDiTConfiguration.read(root, into: &report).map(Self.videoDiT)
            case nil: nil
            }
        try report.check(file: file)
        guard let configuration else {
            throw Problems([Problem(.internal, "the configuration was not read", file: file)])
        }
        return (configuration, report.warnings.map { file.map($0.inFile) ?? $0 })
    }

    /// As `config.json`.
    ///
    /// - Parameter diffusersVersion: the version of diffusers whose format it follows.
    public func config(diffusersVersion: String) -> JSONNode {
        let payload =
            switch self {
            case .mlp(let mlp): mlp.json
            case .unet2d(let unet): unet.configJSON
            case .annotatedUNet(let unet): unet.json
            case .dit(let dit): dit.configJSON
            case .videoDiT(let dit): dit.json
            }
        return payload.asConfig(className: className, diffusersVersion: diffusersVersion)
    }
}

extension JSONNode {
    func asConfig(className: String, diffusersVersion: String) -> JSONNode {
        let head: JSONNode = [
            "_class_name": JSONNode(.string(className)), "_diffusers_version": JSONNode(.string(diffusersVersion)),
        ]
        return JSONNode(.object((head.members ?? []) + (members ?? [])))
    }
}

extension Report {
    /// The case whose class the object's `_class_name` names; nil after reporting a problem.
    static func className<Known: CaseIterable>(
        of root: JSONNode, among known: Known.Type, _ name: (Known) -> String, _ report: inout Report
    ) -> Known? {
        let path = JSONPath.root.member("_class_name")
        let names = known.allCases.map(name).joined(separator: ", ")
        guard let node = root["_class_name"] else {
            report.add(
                "the key \"_class_name\" is missing, so the class is not known",
                remedy: "Add it; diffd knows \(names).",
                at: path, root.place)
            return nil
        }
        guard let text = node.string else { return report.mismatch(node, path, "a class name") }
        if let found = known.allCases.first(where: { name($0) == text }) { return found }
        report.add(
            "the class \"\(text.prefix(80))\" is not supported", remedy: "diffd knows \(names).", at: path, node.place,
            code: .unsupported)
        return nil
    }
}
