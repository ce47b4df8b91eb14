internal import Configurations
internal import DurableFiles
internal import Problems
internal import StrictJSON

/// The parts of a pipeline's directory, as its `model_index.json` names them:
/// `"unet": ["diffusers", "UNet2DModel"]`, and `[null, null]` for one that is absent.
struct PipelineParts {
    let path: String
    /// The name of the denoiser's part.
    let denoiser: String
    let hasAutoencoder: Bool
    /// Nil for a pipeline without text.
    let text: TextPipeline?
    /// The names of the text encoders' parts with those of their tokenizers.
    let textEncoders: [(encoder: String, tokenizer: String)]
    /// Whether there is a schedule of the noise on images that are enlarged.
    let hasLowResolutionScheduler: Bool
    /// The index's `id2label`, as diffusers' DiT pipelines have it.
    let classNames: [Int: String]

    static let classNamesKey = "id2label"
    static let lowResolutionScheduler = "low_res_scheduler"
    static let indexName = "model_index.json"
    /// Parts that images do not depend on.
    static let unneeded: Set = ["safety_checker", "feature_extractor", "image_encoder", "watermark"]

    /// - Throws: what is missing, and which parts diffd does not know.
    init(_ path: String) throws {
        self.path = path
        let files = PosixFileSystem()
        let file = Path.join(path, Self.indexName)
        guard try files.exists(file) else {
            denoiser = try Self.flatDenoiser(path).component
            (hasAutoencoder, text, textEncoders, hasLowResolutionScheduler) = (false, nil, [], false)
            classNames = [:]
            return
        }
        let index = try JSONNode.parse(files.read(file, limit: 1 << 20, followsLinks: true), file: file)
        var parts = Dictionary(
            (index.members ?? []).compactMap { member in
                member.node.elements?.last?.string.map { (member.name, $0) }
            }, uniquingKeysWith: { first, _ in first }
        ).filter { !Self.unneeded.contains($0.key) }
        let networks = parts.filter { $0.key != "scheduler" }
        /// Takes a part out of those that are left, if it is one of these classes.
        func take(_ name: String, _ classes: [String]) -> Bool {
            guard let found = parts[name], classes.contains(found) else { return false }
            parts[name] = nil
            return true
        }
        parts["scheduler"] = nil
        hasAutoencoder = take(AutoencoderKLConfiguration.component, AutoencoderKLConfiguration.classNames)
        text = TextPipeline(index: index)
        let encoders = Networks.textEncoders.flatMap { $0.classNames }
        textEncoders =
            text == nil
            ? []
            : ["", "_2"].compactMap { number in
                guard take("text_encoder" + number, encoders),
                    take("tokenizer" + number, ["CLIPTokenizer", "CLIPTokenizerFast"])
                else { return nil }
                return ("text_encoder" + number, "tokenizer" + number)
            }
        hasLowResolutionScheduler =
            text?.family == .upscaler
            && take(Self.lowResolutionScheduler, SamplerName.allCases.map(\.className))
        let found = Networks.denoisers.first { take($0.component, $0.classNames) }
        guard let found, parts.isEmpty, (text == nil) == textEncoders.isEmpty else {
            let name = index["_class_name"]?.string ?? "of no known class"
            let list = networks.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value))" }.joined(separator: ", ")
            throw Problem(
                .unsupported, "the pipeline \(name) consists of \(list.isEmpty ? "nothing" : list)",
                remedy:
                    "diffd runs \(Self.knownPipelines), and pipelines of one \(Self.knownClasses), a scheduler, and "
                    + "perhaps an \(AutoencoderKLConfiguration.classNames[0]).", file: file)
        }
        denoiser = found.component
        classNames = Dictionary(
            (index[Self.classNamesKey]?.members ?? []).compactMap { member in
                Int(member.name).flatMap { number in member.node.string.map { (number, $0) } }
            }, uniquingKeysWith: { first, _ in first })
    }

    /// The file of a part: in a directory of the part's name, or in that of the pipeline, where all parts of the first
    /// pipelines lie.
    func file(_ name: String, of part: String) throws -> String {
        let own = Path.join(path, part)
        let flat = Path.join(path, name)
        guard try PosixFileSystem().status(own, followsLinks: true) == nil, try PosixFileSystem().exists(flat) else {
            return Path.join(own, name)
        }
        return flat
    }

    private static var knownPipelines: String {
        TextPipeline.Family.allCases.flatMap(\.classNames).joined(separator: ", ")
    }

    private static var knownClasses: String {
        Networks.denoisers.filter { $0.architecture != UNet2DConditionConfiguration.architecture }
            .flatMap { $0.classNames }.joined(separator: ", ")
    }

    /// The denoiser of a directory without `model_index.json`, whose `config.json` and `scheduler_config.json` lie side
    /// by side.
    ///
    /// - Throws: why it is no model: perhaps it is a part of one.
    private static func flatDenoiser(_ path: String) throws -> any DenoiserConfiguration.Type {
        let files = PosixFileSystem()
        let configFile = Path.join(path, "config.json")
        guard try files.exists(configFile),
            let name = try JSONNode.parse(
                files.read(configFile, limit: 1 << 20, followsLinks: true), file: configFile)["_class_name"]?.string
        else {
            if try files.exists(Path.join(path, AdapterFile.fileName)) {
                throw Problem(
                    .invalid, "\(path) holds an adapter, not a model",
                    remedy: "Name its base as the model, and the adapter in \"loras\".", file: path)
            }
            throw Problem(
                .missing, "\(path) is not a model: it has no \(indexName)",
                remedy: "Name the directory that diffusers' save_pretrained or a train job wrote.",
                file: Path.join(path, indexName))
        }
        if try files.exists(Path.join(path, "scheduler_config.json")),
            let found = Networks.denoisers.first(where: { $0.classNames.contains(name) })
        {
            return found
        }
        throw Problem(
            .unsupported, "\(path) holds a single \(name), not a pipeline",
            remedy: "Name the directory above it, which has a \(indexName); diffd runs \(knownClasses).",
            file: configFile)
    }
}
