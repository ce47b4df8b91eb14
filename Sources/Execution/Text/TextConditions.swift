internal import Checkpoints
internal import Configurations
internal import DurableFiles
internal import JobSpec
internal import Models
internal import Problems
internal import Sampling
internal import StrictJSON
internal import TensorCore
internal import Text

/// The conditions that a model's text encoders make of a job's prompts.
///
/// Encoders see sequences of tokens of one length; a long prompt is several of them. Each sequence is encoded once a
/// job, however many samples have it, and kept in a file: the encoders have left when sampling begins.
final class TextConditions {
    /// A sequence that an encoder has to encode.
    struct Task: Hashable {
        /// The encoder's number.
        let encoder: Int
        let layer: TextLayer
        let sequence: TokenSequence
    }

    /// A prompt for all encoders.
    struct Text {
        let text: String
        let layer: TextLayer
        /// By encoder.
        let tokens: [TokenizedPrompt]

        var sequences: Int { tokens.map(\.sequences.count).max() ?? 0 }
    }

    let parts: TextParts
    /// Nil where encoders are asked each time.
    private let store: TextStore?
    private let digests: [String]
    /// Those that are asked each time, since they learn; empty: what each gives is kept.
    private let learning: [any TextEncoder]
    private let device: Device
    /// In the order in which they are encoded: one encoder after the other.
    private(set) var tasks: [[Task]]
    private var known: Set<Task> = []
    /// By prompt and layers left out.
    private var texts: [String: Text] = [:]
    private let log: (String) -> Void

    /// - Parameters:
    ///   - additions: what was added to the encoders' vocabulary and weights.
    ///   - digest: of the encoders' weights.
    /// - Throws: what is wrong with the encoders' files.
    init(_ parts: TextParts, _ additions: ModelAdditions, by digest: WeightDigests, _ context: JobContext) throws {
        self.parts = parts
        device = context.device
        store = TextStore(Path.join(context.checkpoints, "text"), in: context.files)
        digests = try parts.encoders.map {
            ([try digest($0.weights())] + additions.identity).joined(separator: " ")
        }
        learning = []
        tasks = parts.encoders.map { _ in [] }
        log = context.log
    }

    /// Conditions by encoders that learn, which are asked whenever a condition is made.
    init(_ parts: TextParts, learning encoders: [any TextEncoder], on device: Device, log: @escaping (String) -> Void) {
        (self.parts, learning, self.device, self.log) = (parts, encoders, device, log)
        (store, digests) = (nil, [])
        tasks = parts.encoders.map { _ in [] }
    }

    // MARK: - What is to be encoded

    /// The conditions of a request's samples.
    ///
    /// - Parameters:
    ///   - size: of the images in pixels.
    ///   - isGuided: whether guidance leads away from the negative prompt.
    /// - Throws: what is wrong with a prompt.
    func conditions(
        _ prompts: PromptList, _ options: PromptOptions, count: Int, size: ImageSize, isGuided: Bool
    ) throws -> (condition: SamplingPlan.Conditions, unconditional: SamplingPlan.Conditions?) {
        func text(_ prompt: String, skipping skip: Int, _ key: String) throws -> Text {
            try pointing(to: "$.\(key)") {
                try self.text(prompt, skipping: skip, options) {
                    try prompts.parsed($0)
                } cut: {
                    log(
                        "warning: a prompt has \($0.count) tokens more than the model reads; this was left out: \($0.text)"
                    )
                }
            }
        }
        // clip_skip is for the prompt alone, as in diffusers.
        let positive = try prompts.positive.prefix(count).map { try text($0, skipping: options.clipSkip, "prompt") }
        let zeros = prompts.negative == nil && parts.pipeline.forcesZerosForEmptyPrompt
        let negative =
            !isGuided || zeros
            ? nil : try (prompts.negative ?? [""]).prefix(count).map { try text($0, skipping: 0, "negative_prompt") }
        for text in positive + (negative ?? []) { need(text) }
        /// As many sequences as the longer of a sample's two prompts takes.
        func length(_ sample: Int) -> Int {
            max(positive[sample % positive.count].sequences, negative.map { $0[sample % $0.count].sequences } ?? 1)
        }
        for sample in 0..<min(count, positive.count * (negative?.count ?? 1)) where length(sample) > 1 {
            for list in [positive, negative ?? []] where !list.isEmpty {
                needEmpty(list[sample % list.count].layer)
            }
        }
        return (
            { samples in
                try self.condition(samples.map { (positive[$0 % positive.count], length($0)) }, size, isNegative: false)
            },
            !isGuided
                ? nil
                : { samples in
                    let rows: [(Text?, Int)] = samples.map { sample in
                        (negative.map { $0[sample % $0.count] }, length(sample))
                    }
                    return try self.condition(rows, size, isNegative: true)
                }
        )
    }

    /// The conditions of a data set's captions.
    ///
    /// - Parameter size: of the images in pixels.
    /// - Returns: makes the condition of samples with the captions of these numbers; nil stands for the empty one.
    func conditions(captions: [String], size: ImageSize) throws -> ([Int?]) throws -> Condition {
        var cut: [(caption: String, excess: TokenizedPrompt.Excess)] = []
        let all = try ([""] + captions).map { caption in
            let text = try text(caption, skipping: 0, PromptOptions(), parsed: { Prompt($0) }) {
                cut.append((caption, $0))
            }
            need(text)
            return text
        }
        if let first = cut.first {
            log(
                "warning: \(cut.count) of \(captions.count) captions have more tokens than the model reads, the first of them "
                    + "\(first.excess.count); this was left out of it: \(first.excess.text)")
        }
        return { numbers in
            try self.condition(numbers.map { (all[$0.map { $0 + 1 } ?? 0], 1) }, size, isNegative: false)
        }
    }

    /// Encodes what is not encoded yet, where that is not a part of the job's steps.
    ///
    /// - Throws: `Stopped` on a stop request; what is encoded by then stays.
    func encode(by encoders: [Component<any TextEncoder>], stop: StopRequest) throws {
        for task in try remainingTasks() {
            try stop.check()
            try encode(task, by: try encoders[task.encoder]())
        }
    }

    /// A prompt that conditions were asked for.
    func texts(_ prompt: String, _ options: PromptOptions) -> Text? {
        texts[Self.name(prompt, skipping: options.clipSkip)]
    }

    private static func name(_ prompt: String, skipping skip: Int) -> String { "\(skip) \(prompt)" }

    /// A prompt for all encoders.
    ///
    /// - Parameter cut: receives what the model does not read of a prompt that was not known before.
    private func text(
        _ text: String, skipping skip: Int, _ options: PromptOptions, parsed: (String) throws -> Prompt,
        cut: (TokenizedPrompt.Excess) -> Void
    ) throws -> Text {
        let name = Self.name(text, skipping: skip)
        if let known = texts[name] { return known }
        let prompt = try parsed(text)
        let layer = TextLayer(
            skipped: parts.pipeline.layersLeftOut(skipping: skip), isNormalized: parts.pipeline.normalizesLayer)
        let tokens = try parts.encoders.map { encoder in
            guard layer.skipped < encoder.configuration.layerCount else {
                throw Problem(
                    .invalid,
                    "clip_skip \(skip) leaves nothing of a text encoder of \(encoder.configuration.layerCount) layers",
                    remedy: "Lower it.", path: "$.clip_skip")
            }
            return options.longPrompt == .chunks
                ? encoder.tokenizer.chunks(of: prompt, length: encoder.length)
                : encoder.tokenizer.truncated(prompt, to: encoder.length)
        }
        if let excess = tokens.lazy.compactMap(\.excess).first { cut(excess) }
        let tokenized = Text(text: text, layer: layer, tokens: tokens)
        texts[name] = tokenized
        return tokenized
    }

    private func need(_ text: Text) {
        for (encoder, prompt) in text.tokens.enumerated() {
            for sequence in prompt.sequences { need(Task(encoder: encoder, layer: text.layer, sequence: sequence)) }
        }
    }

    private func needEmpty(_ layer: TextLayer) {
        for encoder in parts.encoders.indices { need(empty(encoder, layer)) }
    }

    private func empty(_ encoder: Int, _ layer: TextLayer) -> Task {
        let part = parts.encoders[encoder]
        return Task(encoder: encoder, layer: layer, sequence: part.tokenizer.empty(length: part.length))
    }

    private func need(_ task: Task) {
        if known.insert(task).inserted { tasks[task.encoder].append(task) }
    }

    // MARK: - Encoding

    /// What is not encoded yet.
    func remainingTasks() throws -> [Task] {
        guard let store else { return [] }
        try store.create()
        return try tasks.joined().filter { try !store.holds(key($0)) }
    }

    func encode(_ task: Task, by encoder: any TextEncoder) throws {
        let encoding = encoder([task.sequence.ids], layer: task.layer, isPooled: takesPooled(task.encoder))
        let tokens = encoding.weighted(by: [task.sequence.weights]).tokens  // (1, S, D)
        try store?.save(
            tokens: tokens.reshaped(to: [tokens.shape[1], tokens.shape[2]]),
            pooled: encoding.pooled.map { $0.reshaped(to: [$0.shape[1]]) }, as: key(task))
    }

    /// The vector for the whole prompt is the last encoder's.
    private func takesPooled(_ encoder: Int) -> Bool {
        parts.pipeline.takesPooledText && encoder == parts.encoders.count - 1
    }

    private func key(_ task: Task) throws -> String {
        let deciding =
            "\(digests[task.encoder]) \(task.layer.skipped) \(task.layer.isNormalized) \(task.sequence.ids) \(task.sequence.weights.map(\.bitPattern))"
        return String(try SHA256.digest(of: Array(deciding.utf8)).description.prefix(40))
    }

    // MARK: - Conditions

    /// The condition of samples with these prompts, each as long as so many sequences.
    ///
    /// - Parameter texts: nil for zeros in the place of a prompt.
    private func condition(
        _ texts: [(text: Text?, sequences: Int)], _ size: ImageSize, isNegative: Bool
    ) throws -> Condition {
        let width = self.width
        let length = parts.encoders.first?.length ?? 0
        guard let store else { return try learned(texts.map(\.text), size, isNegative: isNegative) }
        let longest = (texts.map(\.sequences).max() ?? 0) * length
        var read: [Task: (tokens: [Float], pooled: [Float])] = [:]
        func values(_ task: Task) throws -> (tokens: [Float], pooled: [Float]) {
            if let values = read[task] { return values }
            let (tokens, pooled) = try store.load(key(task), on: device)
            let values = (tokens.array(), pooled?.array() ?? [])
            read[task] = values
            return values
        }
        var tokens = [Float](repeating: 0, count: texts.count * longest * width)
        var pooled: [Float] = []
        for (row, (text, sequences)) in texts.enumerated() {
            guard let text else {
                pooled += [Float](repeating: 0, count: pooledWidth)
                continue
            }
            var column = 0
            for encoder in parts.encoders.indices {
                let own = parts.encoders[encoder].configuration.width
                for number in 0..<sequences {
                    let given = text.tokens[encoder].sequences
                    let task =
                        number < given.count
                        ? Task(encoder: encoder, layer: text.layer, sequence: given[number])
                        : empty(encoder, text.layer)
                    let encoded = try values(task)
                    for token in 0..<length {
                        let place = ((row * longest) + number * length + token) * width + column
                        tokens.replaceSubrange(
                            place..<place + own, with: encoded.tokens[token * own..<(token + 1) * own])
                    }
                    if number == 0, takesPooled(encoder) { pooled += encoded.pooled }
                }
                column += own
            }
        }
        return condition(
            tokens: Tensor(tokens, shape: [texts.count, longest, width], on: device),
            counts: texts.map { $0.sequences * length },
            pooled: Tensor(pooled, shape: [texts.count, pooledWidth], on: device), size, isNegative: isNegative)
    }

    /// What the learning encoders make of the first sequence of each text, recorded where a tape records; nil for zeros.
    private func learned(_ texts: [Text?], _ size: ImageSize, isNegative: Bool) throws -> Condition {
        let given = texts.compactMap(\.self)
        // A negative prompt that was not given is zeros in all samples, or in none.
        guard given.count == texts.count, let layer = given.first?.layer else {
            return blank(count: texts.count, on: device)
        }
        let encodings = learning.enumerated().map { number, encoder in
            encoder(given.map { $0.tokens[number].sequences[0].ids }, layer: layer, isPooled: takesPooled(number))
        }
        let tokens = Tensor.concatenated(encodings.map(\.tokens), axis: 2)  // (N, S, D)
        return condition(
            tokens: tokens, counts: [Int](repeating: tokens.shape[1], count: texts.count),
            pooled: encodings.last?.pooled ?? .zeros([texts.count, 0], on: device), size, isNegative: isNegative)
    }

    /// A condition of the same shape without a content, for a rehearsal.
    func blank(count: Int, sequences: Int = 1, on device: Device) -> Condition {
        let length = sequences * (parts.encoders.first?.length ?? 0)
        return condition(
            tokens: .zeros([count, length, width], on: device), counts: [Int](repeating: length, count: count),
            pooled: .zeros([count, pooledWidth], on: device), ImageSize(1), isNegative: false)
    }

    private func condition(
        tokens: Tensor, counts: [Int], pooled: Tensor, _ size: ImageSize, isNegative: Bool
    ) -> Condition {
        let count = tokens.shape[0]
        var condition = Condition()
        // Where all are as long, none is masked.
        let isMasked = counts.contains { $0 != tokens.shape[1] }
        condition.text = Condition.Text(tokens: tokens, counts: isMasked ? counts : nil)
        if pooledWidth > 0 { condition.pooledText = pooled }
        let added = parts.pipeline.addedNumbers(size, isNegative: isNegative)
        if !added.isEmpty {
            condition.added = Tensor(
                (0..<count).flatMap { _ in added }, shape: [count, added.count], on: tokens.device)
        }
        return condition
    }

    private var width: Int { parts.encoders.map(\.configuration.width).reduce(0, +) }
    private var pooledWidth: Int {
        parts.pipeline.takesPooledText ? parts.encoders.last?.configuration.pooledWidth ?? 0 : 0
    }
}
