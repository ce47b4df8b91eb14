public import Configurations
internal import DurableFiles
public import Models
internal import NeuralNet
public import Problems
public import TensorCore
public import Text

/// A text encoder of a pipeline, with its tokenizer.
public struct TextEncoderPart: Sendable {
    /// Its folder in a pipeline's directory: `text_encoder` or `text_encoder_2`.
    public let component: String
    /// The folder of its tokenizer.
    var tokenizerComponent: String { component.replacing("text_encoder", with: "tokenizer") }
    public let configuration: CLIPTextConfiguration
    public private(set) var tokenizer: BytePairTokenizer
    /// The vectors of words that were added to the vocabulary, one after the other.
    private var added: [Float] = []
    /// Unknown keys of the configuration.
    public let warnings: [Problem]
    private let source: WeightsSource
    /// What adapters add to its weights, by parameter.
    var deltas: [String: [WeightDelta]] = [:]

    /// One whose configuration is known.
    init(
        _ component: String, _ configuration: CLIPTextConfiguration, _ tokenizer: BytePairTokenizer,
        _ source: WeightsSource
    ) {
        self.component = component
        (self.configuration, self.tokenizer, self.source) = (configuration, tokenizer, source)
        warnings = []
    }

    /// - Parameters:
    ///   - path: the directory of the encoder.
    ///   - tokenizer: the directory of the tokenizer.
    ///   - variant: of the weights' files.
    /// - Throws: what is wrong with their files, and where they do not fit each other.
    init(_ path: String, tokenizer: String, variant: String?) throws {
        let file = Path.join(path, "config.json")
        component = Path.name(path)
        (configuration, warnings) = try CLIPTextConfiguration.read(
            config: PosixFileSystem().read(file, limit: 1 << 20, followsLinks: true), file: file)
        let tokenizer = try BytePairTokenizer(directory: tokenizer)
        if let misfit = configuration.misfit(
            withVocabulary: tokenizer.vocabularySize, length: tokenizer.maximumLength)
        {
            throw Problem(misfit.code, misfit.message, remedy: misfit.remedy, file: file)
        }
        self.tokenizer = tokenizer
        source = .directory(path, variant: variant)
    }

    /// Tokens of a sequence.
    public var length: Int {
        min(tokenizer.maximumLength ?? .max, configuration.maxPositionEmbeddings)
    }

    /// Adds a word that a file of textual inversion holds to the vocabulary.
    ///
    /// - Parameters:
    ///   - encoder: the encoder's number among `count`.
    /// - Throws: what is wrong with the file, or with the word.
    mutating func add(_ file: EmbeddingFile, asEncoder encoder: Int, of count: Int) throws {
        let (number, values) = try file.vectors(forEncoder: encoder, of: count, width: configuration.width)
        do throws(Problem) {
            let ids = try tokenizer.add(placeholder: file.word, vectors: number)
            // Rows of the table follow the encoder's own.
            guard ids.lowerBound == configuration.vocabSize + added.count / configuration.width else {
                throw Problem(
                    .unsupported, "the text encoder's table has more rows than its tokenizer has tokens",
                    remedy: "Embeddings cannot be used with this model.")
            }
        } catch {
            throw error.inFile(file.path)
        }
        added += values
    }

    /// Adds a word to the vocabulary whose vectors are yet to be learned.
    ///
    /// - Parameters:
    ///   - vectors: how many stand for it.
    ///   - initializer: what they begin as: a word of one token.
    /// - Returns: that token.
    /// - Throws: `invalid` where the word is a token already, or the initializer is none.
    public mutating func add(placeholder word: String, vectors: Int, initializer: String) throws(Problem) -> Int {
        let ids = tokenizer.ids(of: initializer)
        guard ids.count == 1 else {
            throw Problem(
                .invalid, "\"\(initializer)\" is \(ids.count) tokens of the model's vocabulary, and not one",
                remedy: "Give a word that is one token, such as \"toy\".")
        }
        let own = try tokenizer.add(placeholder: word, vectors: vectors)
        guard own.lowerBound == configuration.vocabSize, added.isEmpty else {
            throw Problem(
                .unsupported, "the text encoder's table has more rows than its tokenizer has tokens",
                remedy: "Words cannot be added to this model.")
        }
        return ids[0]
    }

    public func weights() throws -> Weights { try source.weights().adding(deltas) }

    /// The encoder as adapters see it.
    ///
    /// - Parameter count: of the pipeline's encoders; a single one has a name of its own in kohya's files.
    func adapterNetwork(among count: Int) -> AdapterNetwork {
        let label = component.hasSuffix("_2") ? "lora_te2" : "lora_te1"
        return AdapterNetwork(
            component, [label] + (count == 1 ? ["lora_te"] : []), configuration.makeNetwork(on: .rehearsal()))
    }

    /// Writes its weights into `directory`, which exists and is not yet seen, tensor by tensor.
    func copyWeights(to directory: String, in files: any FileSystem) throws {
        try weights().copy(
            for: configuration.makeNetwork(on: .rehearsal()), isIdle: CLIPTextConfiguration.ignores,
            to: Path.join(directory, "model.safetensors"), in: files)
    }

    /// The encoder as one of the networks that take turns in memory.
    ///
    /// - Throws: what its files lack, by their headers.
    public func component(of phases: Phases, on device: Device) throws -> Component<any TextEncoder> {
        try check()
        return try Component(of: phases, weights()) { try network(on: device) }
    }

    /// Whether its files hold what it needs, by their headers.
    ///
    /// - Throws: what they lack.
    public func check() throws {
        try weights().check(for: configuration.makeNetwork(on: .rehearsal()), isIdle: CLIPTextConfiguration.ignores)
    }

    /// The encoder with its weights; on a device that computes nothing, with any.
    public func network(on device: Device) throws -> any TextEncoder {
        let network = configuration.makeNetwork(on: device)
        guard !device.isRehearsal else {
            network.initialize(seed: 0)
            return network
        }
        try weights().load(into: network, isIdle: CLIPTextConfiguration.ignores)
        if !added.isEmpty {
            let width = configuration.width
            network.setPlaceholders(Tensor(added, shape: [added.count / width, width], on: device))
        }
        return network
    }
}
