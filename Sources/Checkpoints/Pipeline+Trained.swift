internal import Configurations
public import DurableFiles
public import Models
internal import StrictJSON
internal import Text

/// Writing a pipeline whose denoiser was trained further.
extension Pipeline {
    /// Makes a directory of this pipeline appear at `path`, whole and durable, with the weights that `trained` has in the
    /// place of its denoiser's. Everything else is copied: what other programs need to draw with the model is there.
    ///
    /// - Parameters:
    ///   - autoencoder: takes the place of the pipeline's; nil: that is copied, if there is one.
    /// - Throws: what keeps the pipeline's files from being read, or the directory from being written.
    public func publish(
        _ trained: some Denoiser, autoencoder other: AutoencoderPart? = nil, at path: String, in files: any FileSystem
    ) throws {
        if let singleFile {
            return try singleFile.publish(at: path, with: trained, autoencoder: other, in: files)
        }
        let parts = try PipelineParts(self.path)
        let autoencoder = other ?? autoencoder
        try files.publishDirectory(path) { directory in
            func make(_ component: String) throws -> String {
                let made = Path.join(directory, component)
                try files.createDirectory(made, mode: 0o777)
                return made
            }
            func copy(_ name: String, from source: String, to target: String) throws {
                try files.writeAtomically(
                    files.read(source, limit: Self.largestText, followsLinks: true), to: Path.join(target, name))
            }
            try Self.writeJSON(
                index(autoencoder: autoencoder != nil), Path.join(directory, PipelineParts.indexName), files)
            let denoiser = try make(configuration.component)
            try Self.writeJSON(
                configuration.config(diffusersVersion: Self.diffusersVersion), Path.join(denoiser, "config.json"), files
            )
            try Weights.save(trained, to: denoiser, in: files)
            let scheduler = "scheduler_config.json"
            try copy(scheduler, from: parts.file(scheduler, of: "scheduler"), to: make("scheduler"))
            try autoencoder?.copy(to: make(AutoencoderKLConfiguration.component), in: files)
            for (names, encoder) in zip(parts.textEncoders, text?.encoders ?? []) {
                let text = try make(names.encoder)
                try copy("config.json", from: parts.file("config.json", of: names.encoder), to: text)
                try encoder.copyWeights(to: text, in: files)
                try copyTokenizer(of: encoder, to: make(names.tokenizer), in: files)
            }
        }
    }

    /// Writes the files of an encoder's tokenizer into `directory`, which exists and is not yet seen.
    func copyTokenizer(of encoder: TextEncoderPart, to directory: String, in files: any FileSystem) throws {
        if let own = singleFile?.textEncoders.first(where: { $0.component == encoder.component }) {
            for file in CLIPVocabulary(padding: own.padding).files {
                try files.writeAtomically(Array(file.text.utf8), to: Path.join(directory, file.name))
            }
            return
        }
        let source = Path.join(path, encoder.tokenizerComponent)
        for entry in try files.list(source).entries where entry.kind != .directory && !entry.name.hasPrefix(".") {
            try files.writeAtomically(
                files.read(Path.join(source, entry.name), limit: Self.largestText, followsLinks: true),
                to: Path.join(directory, entry.name))
        }
    }

    /// Bytes of a configuration or a vocabulary.
    private static let largestText = 64 << 20

    /// `model_index.json` as it was, without the parts that are not copied since no picture depends on them.
    private func index(autoencoder hasAutoencoder: Bool) throws -> JSONNode {
        let files = PosixFileSystem()
        let file = Path.join(path, PipelineParts.indexName)
        guard try files.exists(file) else {
            return Self.index(configuration, hasAutoencoder: hasAutoencoder, [])
        }
        let index = try JSONNode.parse(files.read(file, limit: 1 << 20, followsLinks: true), file: file)
        return JSONNode(
            .object(
                (index.members ?? []).map { member in
                    switch member.name {
                    case "_diffusers_version": JSONNode.Member(member.name, JSONNode(.string(Self.diffusersVersion)))
                    case "requires_safety_checker": JSONNode.Member(member.name, false)
                    case let name where PipelineParts.unneeded.contains(name): JSONNode.Member(name, [.null, .null])
                    default: member
                    }
                }))
    }
}
