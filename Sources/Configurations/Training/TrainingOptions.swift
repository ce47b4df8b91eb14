public import StrictJSON

/// The `training` of a train job.
public struct TrainingOptions: Described, Hashable {
    public enum Optimizer: String, Sendable, CaseIterable {
        case sgd, adam, adamw
        /// For the matrices between a network's layers, and adamw for all else.
        case muon

        /// Whether it has adamw's numbers.
        var isAdaptive: Bool { self != .sgd }
        var hasMomentum: Bool { self == .sgd || self == .muon }
    }

    /// Optimizer steps to take; this or `epochs` is set.
    public var steps: Int?
    /// Passes over the training samples.
    public var epochs: Int?
    /// Samples in one forward pass.
    public var batchSize = 16
    /// Batches whose gradients are averaged for one optimizer step.
    public var gradientAccumulationSteps = 1
    /// Keep only what enters each block of the network and compute its inside again for the gradients.
    public var gradientCheckpointing = false
    public var optimizer = Optimizer.adamw
    public var learningRate = 1e-4
    public var momentum = 0.0
    public var adamBeta1 = 0.9
    public var adamBeta2 = 0.999
    public var adamEpsilon = 1e-8
    public var weightDecay = 0.0
    public var learningRateSchedule = LearningRateShape.constant
    public var warmupSteps = 0
    /// Gradients are scaled down to this norm; nil: never.
    public var maxGradNorm: Double? = 1.0
    /// Decay of the moving average of the weights; nil: none is kept.
    public var emaDecay: Double? = 0.999
    /// Probability that a sample's class is replaced by the null class (Ho & Salimans 2022).
    public var classDropoutProb = 0.0
    public var checkpointEvery = 500
    public var keepCheckpoints = 3
    /// Steps between previews; nil: none.
    public var sampleEvery: Int?
    public var sampleCount = 16
    /// What previews of a model that reads text show; nil: captions of the data set.
    public var samplePrompts: [String]?
    /// Steps between measurements of the validation loss; nil: none.
    public var validationEvery: Int?
    public var validationBatches = 8
    /// Publish the weights without averaging beside the averaged ones.
    public var saveRawWeights = false
    /// Steps between events with the loss.
    public var logEvery = 10

    /// torch.optim.Muon's.
    private static let momentumOfMuon = 0.95

    public init() {}

    private static let step = Form<Int>.integer(in: 1...1_000_000_000)
    /// A number of steps, or null or 0 for never.
    private static let interval = Form<Int?>.optional(.integer(in: 0...1_000_000_000))

    public static let fields: [Field<Self>] = [
        Field("steps", \.steps, .optional(step), "Optimizer steps to take; give this or epochs."),
        Field("epochs", \.epochs, .optional(.integer(in: 1...1_000_000)), "Passes over the training samples."),
        Field("batch_size", \.batchSize, .integer(in: 1...65536), "Samples in one forward pass."),
        Field(
            "gradient_accumulation_steps", \.gradientAccumulationSteps, .integer(in: 1...65536),
            "Batches whose gradients are averaged for one optimizer step."),
        Field(
            "gradient_checkpointing", \.gradientCheckpointing, .boolean,
            "Compute the inside of each block twice rather than keep it: less memory, more time, the same model."),
        Field(
            "optimizer", \.optimizer, .choice(),
            "The optimizer; muon steps matrices and kernels between layers along orthogonal matrices, and is adamw for all else."
        ),
        Field("learning_rate", \.learningRate, .number(above: 0, upTo: 1000), "Learning rate after the warm-up."),
        Field("momentum", \.momentum, .number(in: 0..<1), "Momentum of sgd and muon; 0.95 for muon when left out."),
        Field("adam_beta1", \.adamBeta1, .number(in: 0..<1), "Decay of Adam's first moment."),
        Field("adam_beta2", \.adamBeta2, .number(in: 0..<1), "Decay of Adam's second moment."),
        Field("adam_epsilon", \.adamEpsilon, .number(above: 0, upTo: 1), "Added to the root of Adam's second moment."),
        Field(
            "weight_decay", \.weightDecay, .number(in: 0...1000),
            "Weight decay; decoupled in adamw and muon, added to gradients else."),
        Field("lr_schedule", \.learningRateSchedule, .choice(), "How the learning rate falls after the warm-up."),
        Field(
            "warmup_steps", \.warmupSteps, .integer(in: 0...1_000_000_000),
            "Steps in which the learning rate rises from 0."),
        Field(
            "max_grad_norm", \.maxGradNorm, .optional(.number(above: 0, upTo: 1e9)),
            "Gradients are scaled down to this norm; null: never."),
        Field(
            "ema_decay", \.emaDecay, .optional(.number(in: 0..<1)),
            "Decay of the weights' moving average; 0 or null: none."),
        Field(
            "class_dropout_prob", \.classDropoutProb, .number(in: 0..<1),
            "Share of samples trained without their class, for classifier-free guidance; 0.1 for a model with a null class."
        ),
        Field("checkpoint_every", \.checkpointEvery, step, "Steps between saved training states."),
        Field("keep_checkpoints", \.keepCheckpoints, .integer(in: 1...1000), "How many of the newest are kept."),
        Field("sample_every", \.sampleEvery, interval, "Steps between previews; 0 or null: none."),
        Field("sample_count", \.sampleCount, .integer(in: 1...4096), "Samples in a preview."),
        Field(
            "sample_prompts", \.samplePrompts, .optional(.texts),
            "What previews of a model that reads text show, as a text or a list, from which sample i takes entry i; null: captions "
                + "of the data set."),
        Field("validation_every", \.validationEvery, interval, "Steps between validation losses; 0 or null: none."),
        Field("validation_batches", \.validationBatches, .integer(in: 1...65536), "Batches in a validation loss."),
        Field("save_raw_weights", \.saveRawWeights, .boolean, "Publish the weights without averaging too."),
        Field("log_every", \.logEvery, step, "Steps between events with the loss."),
    ]

    public mutating func complete(from node: JSONNode) {
        if optimizer == .muon, !node.gives("momentum") { momentum = Self.momentumOfMuon }
        if emaDecay == 0 { emaDecay = nil }
        if sampleEvery == 0 { sampleEvery = nil }
        if validationEvery == 0 { validationEvery = nil }
    }

    public func validate(_ checks: inout Checks) {
        if steps == nil, epochs == nil {
            checks.fail(
                "steps", and: ["epochs"], "nothing says how long to train", remedy: "Add \"steps\" or \"epochs\".")
        }
        if steps != nil, epochs != nil {
            checks.fail("epochs", and: ["steps"], "both steps and epochs are given", remedy: "Keep one of them.")
        }
        if let steps, warmupSteps >= steps {
            checks.fail(
                "warmup_steps", and: ["steps"],
                "warmup_steps is \(warmupSteps), but training ends after \(steps) steps",
                remedy: "Use fewer than steps.")
        }
        let usual = TrainingOptions()
        let adaptive = [
            ("adam_beta1", adamBeta1 != usual.adamBeta1), ("adam_beta2", adamBeta2 != usual.adamBeta2),
            ("adam_epsilon", adamEpsilon != usual.adamEpsilon),
        ]
        var meaningless = optimizer.isAdaptive ? [] : adaptive.filter(\.1).map(\.0)
        if momentum != usual.momentum, !optimizer.hasMomentum { meaningless.append("momentum") }
        for key in meaningless {
            checks.fail(
                key, and: ["optimizer"], "\(key) has no meaning with the optimizer \"\(optimizer.rawValue)\"",
                remedy: optimizer.hasMomentum
                    ? "Choose adam, adamw or muon, or remove it." : "Choose sgd or muon, or remove it.")
        }
        if saveRawWeights, emaDecay == nil {
            checks.fail(
                "save_raw_weights", and: ["ema_decay"], "without ema_decay the published weights are the raw ones",
                remedy: "Set ema_decay, or remove save_raw_weights.")
        }
    }
}
