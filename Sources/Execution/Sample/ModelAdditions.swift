internal import Checkpoints
internal import DurableFiles
internal import JobSpec
internal import Problems
internal import Spool
internal import StrictJSON

/// The files that a job adds to its model: LoRAs to the weights, textual inversions to the vocabulary.
struct ModelAdditions {
    struct Lora {
        let path: String
        let digest: String
        let scale: Double
    }

    struct Embedding {
        let path: String
        let digest: String
    }

    let loras: [Lora]
    let embeddings: [Embedding]

    static let none = ModelAdditions(loras: [], embeddings: [])

    private init(loras: [Lora], embeddings: [Embedding]) { (self.loras, self.embeddings) = (loras, embeddings) }

    /// - Throws: where a file is missing or may not be read.
    init(_ options: PromptOptions, _ context: JobContext) throws {
        func digest(_ path: String) throws -> String { try SHA256.digest(ofFile: path).description }
        embeddings = try options.embeddings.map { given in
            try pointing(to: JobInput.Role.embeddings.jsonPath) {
                let path = try context.permitted(given)
                return Embedding(path: path, digest: try digest(path))
            }
        }
        loras = try options.loras.map { lora in
            try pointing(to: JobInput.Role.loras.jsonPath) {
                let place =
                    try lora.path.map(context.permitted)
                    ?? lora.model.map { try context.models.location(of: $0, as: .loraModels) } ?? ""
                let path = try Pipeline.adapterFile(at: place)
                return Lora(path: path, digest: try digest(path), scale: lora.scale)
            }
        }
    }

    /// A model with the LoRAs.
    func adding(to pipeline: Pipeline) throws -> Pipeline {
        try pointing(to: JobInput.Role.loras.jsonPath) {
            try pipeline.adding(adapters: loras.map { ($0.path, $0.scale) })
        }
    }

    /// Text encoders with the embeddings.
    func adding(to text: TextParts) throws -> TextParts {
        try pointing(to: JobInput.Role.embeddings.jsonPath) { try text.adding(embeddings: embeddings.map(\.path)) }
    }

    /// What tells the files' contents and the scales.
    var identity: [String] { embeddings.map(\.digest) + loras.map { "\($0.digest) \($0.scale)" } }

    /// What manifest and images say of the LoRAs.
    var loraNodes: JSONNode {
        JSONNode(
            .array(
                loras.map { lora in
                    JSONNode(
                        .object(Self.file(lora.path, lora.digest) + [.init("scale", JSONNode(.number(lora.scale)))]))
                }))
    }

    /// What they say of the embeddings.
    var embeddingNodes: JSONNode {
        JSONNode(.array(embeddings.map { JSONNode(.object(Self.file($0.path, $0.digest))) }))
    }

    private static func file(_ path: String, _ digest: String) -> [JSONNode.Member] {
        [.init("path", JSONNode(.string(path))), .init("sha256", JSONNode(.string(digest)))]
    }
}
