internal import Configurations
internal import DurableFiles
internal import Problems
internal import StrictJSON

/// The parts of a pipeline's directory, as its `model_index.json` names them:
/// `"unet": ["diffusers", "UNet2DModel"]`, and `[null, null]` for one that is absent.
struct PipelineParts {
    struct Part {
        let name: String
        let className: String
    }

    let path: String
    /// The name of the denoiser's part.
    let denoiser: String
    /// The name of the autoencoder's part; nil where there is none.
    let autoencoder: String?

    private static let indexName = "model_index.json"
    /// Parts that images do not depend on.
    private static let unneeded: Set = ["safety_checker", "feature_extractor"]

    /// - Throws: what is missing, and which parts diffd does not know.
    init(_ path: String) throws {
        self.path = path
        let files = PosixFileSystem()
        let file = Path.join(path, Self.indexName)
        guard try files.exists(file) else {
            denoiser = try Self.flatDenoiser(path).component
            autoencoder = nil
            return
        }
        let index = try JSONNode.parse(files.read(file, limit: 1 << 20, followsLinks: true), file: file)
        let parts = (index.members ?? []).compactMap { member in
            member.node.elements?.last?.string.map { Part(name: member.name, className: $0) }
        }.filter { !Self.unneeded.contains($0.name) }
        func isAutoencoder(_ part: Part) -> Bool {
            part.name == AutoencoderKLConfiguration.component
                && AutoencoderKLConfiguration.classNames.contains(part.className)
        }
        let networks = parts.filter { $0.name != "scheduler" }
        let rest = networks.filter { !isAutoencoder($0) }
        let found = Networks.denoisers.first { known in
            rest.contains { $0.name == known.component && known.classNames.contains($0.className) }
        }
        guard let found, rest.count == 1 else {
            let name = index["_class_name"]?.string ?? "of no known class"
            let list = networks.map { "\($0.name) (\($0.className))" }.joined(separator: ", ")
            throw Problem(
                .unsupported, "the pipeline \(name) consists of \(list.isEmpty ? "nothing" : list)",
                remedy: "diffd runs pipelines of one \(Self.knownClasses), a scheduler, and perhaps an "
                    + "\(AutoencoderKLConfiguration.classNames[0]).", file: file)
        }
        denoiser = found.component
        autoencoder = parts.first(where: isAutoencoder)?.name
    }

    /// The directory of a part: its own, or that of the pipeline, in which all parts of the first pipelines lie.
    func directory(of part: String, holding file: String) throws -> String {
        let own = Path.join(path, part)
        guard try PosixFileSystem().status(own, followsLinks: true) == nil,
            try PosixFileSystem().exists(Path.join(path, file))
        else { return own }
        return path
    }

    private static var knownClasses: String {
        Networks.denoisers.flatMap { $0.classNames }.joined(separator: ", ")
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
