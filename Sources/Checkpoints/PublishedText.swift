internal import Configurations
internal import DurableFiles
public import Models
public import Text

/// The text encoder of a published pipeline.
public enum PublishedText {
    /// One that was trained, with the vocabulary that it reads.
    case trained(any TextEncoder, TextEncoderPart, CLIPVocabulary)
    /// That of another pipeline, in which it lies.
    case copied(TextEncoderPart, from: Pipeline)

    /// Writes `text_encoder/` and `tokenizer/` into a directory that is not yet seen.
    func write(to directory: String, in files: any FileSystem) throws {
        let (text, tokenizer) = (Path.join(directory, "text_encoder"), Path.join(directory, "tokenizer"))
        for made in [text, tokenizer] { try files.createDirectory(made, mode: 0o777) }
        func write(_ configuration: CLIPTextConfiguration) throws {
            try Pipeline.writeJSON(
                configuration.config(diffusersVersion: Pipeline.diffusersVersion), Path.join(text, "config.json"), files
            )
        }
        switch self {
        case .trained(let network, let part, let vocabulary):
            try write(part.configuration)
            try Weights.save(network, stem: "model", to: text, in: files)
            for file in vocabulary.files {
                try files.writeAtomically(Array(file.text.utf8), to: Path.join(tokenizer, file.name))
            }
        case .copied(let part, let pipeline):
            try write(part.configuration)
            try part.copyWeights(to: text, in: files)
            try pipeline.copyTokenizer(of: part, to: tokenizer, in: files)
        }
    }
}
