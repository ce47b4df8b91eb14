public import StrictJSON

/// A pipeline of diffusers that makes images from text: what its denoiser receives of a prompt, and what is usual for it.
public struct TextPipeline: Sendable, Hashable {
    public enum Family: String, Sendable, CaseIterable {
        /// Rombach et al. 2022, versions 1 and 2.
        case stableDiffusion = "Stable Diffusion"
        /// Podell et al. 2023, base model and refiner.
        case stableDiffusionXL = "Stable Diffusion XL"
        /// Enlarges images to four times their sides.
        case upscaler = "Stable Diffusion x4 upscaler"

        /// The classes of diffusers that draw with such models.
        public var classNames: [String] {
            switch self {
            case .stableDiffusion:
                ["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"]
            case .stableDiffusionXL:
                [
                    "StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline",
                    "StableDiffusionXLInpaintPipeline",
                ]
            case .upscaler: ["StableDiffusionUpscalePipeline"]
            }
        }
    }

    public var family: Family
    /// Where no negative prompt is given, guidance leads away from zeros and not from the empty prompt.
    public var forcesZerosForEmptyPrompt: Bool
    /// Whether the target size is replaced by an aesthetic score (Podell et al. 2023, refiner).
    public var requiresAestheticsScore: Bool

    public init(_ family: Family, forcesZerosForEmptyPrompt: Bool? = nil, requiresAestheticsScore: Bool = false) {
        self.family = family
        self.forcesZerosForEmptyPrompt = forcesZerosForEmptyPrompt ?? (family == .stableDiffusionXL)
        self.requiresAestheticsScore = requiresAestheticsScore
    }

    /// Nil for a pipeline without text.
    ///
    /// - Parameter index: the `model_index.json`.
    public init?(index: JSONNode) {
        guard let name = index["_class_name"]?.string,
            let family = Family.allCases.first(where: { $0.classNames.contains(name) })
        else { return nil }
        self.init(
            family, forcesZerosForEmptyPrompt: index["force_zeros_for_empty_prompt"]?.bool,
            requiresAestheticsScore: index["requires_aesthetics_score"]?.bool ?? false)
    }

    // MARK: - What is usual

    public var usualSteps: Int { family == .upscaler ? 75 : 50 }

    public var usualGuidanceScale: Double {
        switch family {
        case .stableDiffusion: 7.5
        case .stableDiffusionXL: 5
        case .upscaler: 9
        }
    }

    /// The model's scheduler as its pipeline uses it: that of Stable Diffusion corrects old configurations.
    public func corrected(_ scheduler: SchedulerConfiguration) -> SchedulerConfiguration {
        guard family == .stableDiffusion else { return scheduler }
        var corrected = scheduler
        corrected.stepsOffset = 1
        corrected.clipSample = false
        return corrected
    }

    // MARK: - What the denoiser receives

    /// How many of a text encoder's last layers are left out.
    ///
    /// - Parameter skip: how many more than usual, as diffusers' `clip_skip`.
    public func layersLeftOut(skipping skip: Int) -> Int { family == .stableDiffusionXL ? 1 + skip : skip }

    /// Whether the text encoder's last norm follows the last layer that is left.
    public var normalizesLayer: Bool { family != .stableDiffusionXL }

    /// Whether it receives a vector for the whole prompt, from the last text encoder.
    public var takesPooledText: Bool { family == .stableDiffusionXL }

    /// Numbers that condition it beside the text: original size, crop, and target size or aesthetic score (Podell et al.
    /// 2023, section 2.2). Empty for models without such numbers.
    public func addedNumbers(_ size: ImageSize, isNegative: Bool) -> [Float] {
        guard family == .stableDiffusionXL else { return [] }
        let (height, width) = (Float(size.height), Float(size.width))
        let last = requiresAestheticsScore ? [isNegative ? 2.5 : 6] : [height, width]
        return [height, width, 0, 0] + last
    }
}
