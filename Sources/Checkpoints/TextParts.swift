public import Configurations
public import Problems
public import Text

/// What makes conditions of prompts in a pipeline.
public struct TextParts: Sendable {
    public let pipeline: TextPipeline
    /// In the order in which their results are joined.
    public private(set) var encoders: [TextEncoderPart]
    /// The schedule of the noise on images that are enlarged; nil for pipelines that enlarge none.
    public let lowResolutionScheduler: SchedulerConfiguration?

    init(_ pipeline: TextPipeline, encoders: [TextEncoderPart], lowResolutionScheduler: SchedulerConfiguration? = nil) {
        (self.pipeline, self.encoders) = (pipeline, encoders)
        self.lowResolutionScheduler = lowResolutionScheduler
    }

    /// One text encoder that is yet to be trained, with the tokenizer of its vocabulary.
    public init(training configuration: CLIPTextConfiguration, _ tokenizer: BytePairTokenizer) {
        self.init(
            TextPipeline(.stableDiffusion),
            encoders: [TextEncoderPart(CLIPTextConfiguration.component, configuration, tokenizer, .none)])
    }

    /// The same with words that files of textual inversion hold.
    ///
    /// - Throws: what is wrong with a file.
    public func adding(embeddings paths: [String]) throws -> TextParts {
        var copy = self
        for path in paths {
            let file = try EmbeddingFile(path)
            for index in copy.encoders.indices {
                try copy.encoders[index].add(file, asEncoder: index, of: encoders.count)
            }
        }
        return copy
    }

    /// The same with a word whose vectors are yet to be learned.
    ///
    /// - Returns: for each encoder, the token that the vectors begin as.
    /// - Throws: as `TextEncoderPart.add`.
    public func adding(
        placeholder word: String, vectors: Int, initializer: String
    ) throws(Problem) -> (parts: TextParts, initializers: [Int]) {
        var copy = self
        var initializers: [Int] = []
        for index in copy.encoders.indices {
            initializers.append(
                try copy.encoders[index].add(placeholder: word, vectors: vectors, initializer: initializer))
        }
        return (copy, initializers)
    }

    /// The same with what adapters add to each encoder's weights.
    func adding(_ deltas: [[String: [WeightDelta]]]) -> TextParts {
        var copy = self
        for (index, own) in deltas.enumerated() { copy.encoders[index].deltas = own }
        return copy
    }
}
