internal import Configurations
internal import Problems

/// What a single file's U-Net predicts, and the noise that it was trained on: files seldom say it.
struct PredictionMarks {
    let prediction: SchedulerConfiguration.PredictionType
    /// Whether the last timestep is noise alone (Lin et al. 2023).
    let isZeroSNR: Bool
    /// Said where it is an assumption.
    let warning: Problem?

    /// - Parameter asked: by the user; marks in the file count where it is nil.
    init(
        _ table: TensorTable, of family: ModelFamily, joined: Int,
        asked: SchedulerConfiguration.PredictionType?
    ) {
        isZeroSNR = table.has("ztsnr")
        if let found = asked ?? Self.marked(table) {
            (prediction, warning) = (found, nil)
            return
        }
        switch family {
        case .stableDiffusion1, .stableDiffusionXL, .stableDiffusionXLRefiner: (prediction, warning) = (.epsilon, nil)
        case .upscaler: (prediction, warning) = (.vPrediction, nil)
        // The one inpainting model of the family was made from the base.
        case .stableDiffusion2 where joined == 5: (prediction, warning) = (.epsilon, nil)
        case .stableDiffusion2:
            prediction = .vPrediction
            warning = Problem(
                .unsupported,
                "nothing in the file tells whether this Stable Diffusion 2 model predicts v, as those of 768 x 768 "
                    + "pixels do, or the noise, as the base models of 512 x 512 do: v is assumed",
                remedy: "For a base model, set \"prediction_type\" to \"epsilon\".", file: table.path)
        }
    }

    private static func marked(_ table: TensorTable) -> SchedulerConfiguration.PredictionType? {
        if table.has("v_pred") { return .vPrediction }
        switch table.metadata["modelspec.prediction_type"]?.lowercased() {
        case "v", "v_prediction", "v-prediction": return .vPrediction
        case "epsilon", "eps": return .epsilon
        default: break
        }
        switch table.metadata["modelspec.architecture"] {
        case let name? where name.hasPrefix("stable-diffusion-v2-768-v"): return .vPrediction
        case let name? where name.hasPrefix("stable-diffusion-v2-512"): return .epsilon
        default: return nil
        }
    }
}

extension ModelFamily {
    /// The scheduler of the family's published directories.
    func scheduler(_ marks: PredictionMarks) -> SchedulerConfiguration {
        let sampler: SamplerName =
            switch self {
            case .stableDiffusionXL, .stableDiffusionXLRefiner: .euler
            case .stableDiffusion1, .stableDiffusion2, .upscaler: marks.prediction == .epsilon ? .pndm : .ddim
            }
        var c = SchedulerConfiguration().converted(to: sampler)
        c.betaSchedule = .scaledLinear
        (c.betaStart, c.betaEnd) = self == .upscaler ? (0.0001, 0.02) : (0.00085, 0.012)
        (c.timestepSpacing, c.stepsOffset) = (.leading, 1)
        c.predictionType = marks.prediction
        c.clipSample = false
        switch sampler {
        case .pndm: (c.setAlphaToOne, c.solver.skipPRKSteps) = (false, true)
        case .ddim: (c.setAlphaToOne, c.rescaleBetasZeroSNR) = (false, marks.isZeroSNR)
        default: c.rescaleBetasZeroSNR = marks.isZeroSNR
        }
        return c
    }

    /// The schedule of the noise that is added to images before they are enlarged; nil for families that enlarge none.
    var lowResolutionScheduler: SchedulerConfiguration? {
        guard self == .upscaler else { return nil }
        var c = SchedulerConfiguration()
        c.betaSchedule = .scaledLinear
        (c.betaStart, c.betaEnd) = (0.0001, 0.02)
        return c
    }
}
