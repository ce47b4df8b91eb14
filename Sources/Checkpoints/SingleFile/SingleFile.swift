public import Configurations
public import Problems
internal import Safetensors
public import Text

/// A whole model in one `.safetensors` file, as people share Stable Diffusion 1.x, 2.x and XL: U-Net, autoencoder and
/// text encoders under the names of the programs that trained them, without any configuration. Shapes tell the sizes,
/// and the family, which shows by its marks, the rest.
public struct SingleFile: Sendable {
    public struct TextEncoder: Sendable {
        /// Its folder in a pipeline's directory: `text_encoder` or `text_encoder_2`.
        public let component: String
        public let configuration: CLIPTextConfiguration
        /// What its prompts are filled up with.
        public let padding: BytePairTokenizer.Padding
        let source: WeightsSource

        /// The folder of its tokenizer.
        var tokenizerComponent: String { component.replacing("text_encoder", with: "tokenizer") }

        /// Where its weights lie.
        public func weights() throws -> Weights { try source.weights() }
    }

    public let path: String
    public let family: ModelFamily
    public let denoiser: UNet2DConditionConfiguration
    let denoiserSource: WeightsSource
    /// Nil where the file has none, and another is used.
    public let autoencoder: AutoencoderPart?
    /// In the order in which a pipeline has them.
    public let textEncoders: [TextEncoder]
    public let scheduler: SchedulerConfiguration
    /// What was assumed, and what of the file is left out.
    public let warnings: [Problem]

    /// Reads the header.
    ///
    /// - Parameters:
    ///   - variant: `ema` for the average of the U-Net's weights over their training, where the file has both; nil or
    ///     `non_ema` for the weights themselves.
    ///   - predictionType: what the U-Net predicts; nil: as the file's marks say, else as is usual for the family.
    ///   - needsAutoencoder: false where another one is used.
    /// - Throws: a `Problem`, or `Problems` for several: `unsupported`, with what was found, for a file of another
    ///   kind; `missing` for parts that it lacks; `corrupt`.
    public init(
        _ path: String, variant: String? = nil, predictionType: SchedulerConfiguration.PredictionType? = nil,
        needsAutoencoder: Bool = true
    ) throws {
        try ForeignFormat.refuse(path)
        let table = TensorTable(try SafetensorsFile(path))
        let family = try ModelFamily(of: table)
        let unet = try UNetLayout(table)
        let vae = try AutoencoderLayout(table)
        let texts = try family.textSlots.compactMap { try TextLayout(table, $0) }
        try Self.checkParts(table, family, texts, lacksAutoencoder: needsAutoencoder && vae == nil)

        let marks = PredictionMarks(table, of: family, joined: unet.joinedChannels, asked: predictionType)
        let encoders = try texts.map { text in
            TextEncoder(
                component: text.slot.component, configuration: try text.configuration(table),
                padding: text.slot.naming == .openCLIP ? .exclamationMark : .end, source: .file(path, text.names))
        }
        let isAveraged = try Self.takesAverage(variant, table)
        (self.path, self.family) = (path, family)
        textEncoders = encoders
        denoiser = try unet.configuration(
            table, of: family, marks.prediction, pooledWidth: encoders.last?.configuration.pooledWidth)
        denoiserSource = .file(path, unet.names(averaged: isAveraged))
        autoencoder = try vae.map {
            AutoencoderPart(
                try $0.configuration(
                    table, scalingFactor: family.scalingFactor, size: family.autoencoderSize),
                .file(path, $0.names), path: path)
        }
        scheduler = family.scheduler(marks)
        let parts = [UNetLayout.prefix] + (vae.map { [$0.prefix] } ?? []) + texts.map(\.prefix)
        warnings = [
            marks.warning, Self.unusualSizes(table, unet, texts),
            Self.leftOut(table, beside: parts, takesAverage: isAveraged),
        ].compactMap(\.self)
    }

    /// Where the U-Net's weights lie.
    public func weights() throws -> Weights { try denoiserSource.weights() }

    /// Whether the average is asked for.
    private static func takesAverage(_ variant: String?, _ table: TensorTable) throws(Problem) -> Bool {
        switch variant {
        case nil, "non_ema": return false
        case "ema" where table.has("model_ema"): return true
        case "ema":
            throw Problem(
                .missing, "the file has no average of the U-Net's weights (model_ema)",
                remedy: "Remove \"variant\": what the file has is taken.", file: table.path)
        case let variant?:
            throw Problem(
                .missing, "a single file has no variant \(variant)",
                remedy: "Remove \"variant\", or say \"ema\" where the file holds an average of the U-Net's weights.",
                file: table.path)
        }
    }

    /// - Throws: what the file lacks.
    private static func checkParts(
        _ table: TensorTable, _ family: ModelFamily, _ texts: [TextLayout], lacksAutoencoder: Bool
    ) throws(Problem) {
        let found = Set(texts.map(\.slot.component))
        let missing = family.textSlots.filter { !found.contains($0.component) }
        guard !missing.isEmpty || lacksAutoencoder else { return }
        let parts =
            (lacksAutoencoder ? ["an autoencoder (first_stage_model)"] : [])
            + missing.map { "the \($0.component) (\($0.module))" }
        let autoencoder = lacksAutoencoder ? "Name an autoencoder as \"autoencoder\"" : ""
        let whole = missing.isEmpty ? "" : "give a file that holds the whole model, or a diffusers directory"
        let remedy = [autoencoder, whole].filter { !$0.isEmpty }.joined(separator: ", and ")
        throw Problem(
            .missing, "the file is of \(family.rawValue), but lacks \(parts.joined(separator: " and "))",
            remedy: remedy.prefix(1).uppercased() + remedy.dropFirst() + ".", file: table.path)
    }

    /// Tensors that belong to no part and are not known to be idle.
    private static func leftOut(_ table: TensorTable, beside parts: [String], takesAverage: Bool) -> Problem? {
        let rest = table.names { name in
            !IdleTensors.contains(name) && !parts.contains { name.hasPrefix($0) }
                && !(takesAverage && name.hasPrefix(UNetLayout.averagePrefix))
        }
        guard let first = rest.first else { return nil }
        let isAverage = rest.allSatisfy { $0.hasPrefix(UNetLayout.averagePrefix) }
        return Problem(
            .unsupported, "\(rest.count) tensors of the file are left out, such as \(first)",
            remedy: isAverage
                ? "They are an average of the U-Net's weights over its training, which \"variant\": \"ema\" takes."
                : "They are of none of the parts that are opened.", file: table.path)
    }

    /// Heads and groups leave no trace in tensors.
    private static func unusualSizes(_ table: TensorTable, _ unet: UNetLayout, _ texts: [TextLayout]) -> Problem? {
        guard unet.levels.contains(where: { $0.channels % 64 != 0 }) || texts.contains(where: { $0.width % 64 != 0 })
        else { return nil }
        return Problem(
            .unsupported, "no model of the family has these sizes, so that its attention heads and groups are guessed",
            remedy: "Give the diffusers directory, whose config.json files tell them.", file: table.path)
    }
}
