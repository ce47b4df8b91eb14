internal import Checkpoints
internal import Configurations
internal import Diffusion
internal import JobSpec
internal import Models
internal import Problems
internal import Sampling
internal import TensorCore
internal import Training

/// What text encoders make of captions in training, and of prompts in previews.
struct CaptionStage {
    private let texts: TextConditions
    /// Of samples with captions of these numbers.
    let captions: DenoisingTask.Captions
    /// Of previews.
    let preview: (conditions: SamplingPlan.Conditions, guidance: (Guidance, unconditional: SamplingPlan.Conditions)?)

    /// What captions and prompts there are.
    struct Words {
        /// Of the data set, each once.
        var captions: [String]
        /// Numbered behind them.
        var further: [String] = []
        /// Of its pictures, in pixels.
        var size: ImageSize
        /// Of previews; nil: the first captions.
        var prompts: [String]?
        /// Samples of a preview.
        var count: Int
    }

    private init(_ texts: TextConditions, _ words: Words, _ context: JobContext) throws {
        self.texts = texts
        captions = try texts.conditions(captions: words.captions + words.further, size: words.size)
        var options = PromptOptions()
        options.prompt = words.prompts ?? Array(words.captions.prefix(words.count))
        guard let list = try PromptList(options, context) else { throw Problem(.internal, "previews have no prompt") }
        let scale = texts.parts.pipeline.usualGuidanceScale
        let (conditions, unconditional) = try texts.conditions(
            list, options, count: words.count, size: words.size, isGuided: scale > 1)
        preview = (conditions, unconditional.map { (Guidance(scale: scale), $0) })
    }

    /// By encoders that do not learn: each caption is encoded once, here, and lies in a file from then on.
    ///
    /// - Parameter role: the job's key that names the encoders' model.
    /// - Throws: what is wrong with the encoders' files or a prompt; `Stopped`.
    init(frozen text: TextParts, _ words: Words, as role: JobInput.Role, _ context: JobContext) throws {
        let phases = Phases(on: context.device)
        let (texts, encoders) = try pointing(to: role.jsonPath) {
            (
                try TextConditions(text, .none, by: WeightDigests(), context),
                try text.encoders.map { try $0.component(of: phases, on: context.device) }
            )
        }
        try self.init(texts, words, context)
        try texts.encode(by: encoders, stop: context.stop)
        phases.end()
        context.log("\(words.captions.count.of("caption")) encoded")
    }

    /// By encoders that learn: each is asked in every step.
    init(
        _ text: TextParts, learning encoders: [any TextEncoder], on device: Device, _ words: Words,
        _ context: JobContext
    ) throws {
        let log = device.isRehearsal ? { _ in } : context.log
        try self.init(TextConditions(text, learning: encoders, on: device, log: log), words, context)
    }

    func blank(on device: Device) -> Condition { texts.blank(count: 1, on: device) }
}
