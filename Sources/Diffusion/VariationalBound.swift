public import Configurations
internal import Foundation
public import Problems
internal import TensorCore

/// The variational bound on -log p(x_0) of a diffusion model, L_T + sum L_t-1 + L_0 (Ho et al. 2020, equation 5), in
/// bits per dimension:
/// as a figure of a trained model, for each sample by itself, and as a loss for a model that learns the variance of its
/// reverse steps (Nichol & Dhariwal 2021, section 3.1).
public struct VariationalBound: Sendable {
    public let schedule: NoiseSchedule
    /// How x_0 follows from x_t and the output, at each timestep.
    let predictedSample: [LinearCombination]
    let clipping: SampleClipping
    /// log of the posterior's variance at each timestep.
    let posterior: [Double]
    /// log of the reverse step's variance at each timestep, where it is fixed; nil where the model predicts it, between
    /// the posterior's and beta_t.
    let fixedLogVariances: [Double]?

    /// Whether the model has twice the channels of its input, the second half for the variance.
    public var learnsVariance: Bool { fixedLogVariances == nil }

    /// The bound of a trained model, the chain over all timesteps that it was trained with.
    ///
    /// - Parameter configuration: the schedule of the training, what the model predicts, the variance of its reverse
    ///   steps, and what is done to x_0 in them.
    /// - Throws: a `Problem` for an impossible schedule, or epsilon prediction from pure noise.
    public init(_ configuration: SchedulerConfiguration) throws(Problem) {
        let schedule = try NoiseSchedule(configuration)
        self.schedule = schedule
        var combinations: [LinearCombination] = []
        for t in 0..<schedule.count {
            combinations.append(try configuration.predictionType.sampleFromOutput(schedule, at: t))
        }
        predictedSample = combinations
        clipping = SampleClipping(configuration)
        posterior = schedule.posteriorLogVariances
        fixedLogVariances =
            switch configuration.varianceType {
            case .fixedSmall, .fixedSmallLog: posterior
            // At timestep 0, as in the authors' code, beta_0 would be a poor variance for the decoder.
            case .fixedLarge, .fixedLargeLog: [posterior[0]] + schedule.betas.dropFirst().map { log($0) }
            case .learnedRange: nil
            }
    }

    /// The bound as a loss: the variance is learned, and x_0 is not clipped.
    init(training schedule: NoiseSchedule, _ predictionType: PredictionType) {
        self.schedule = schedule
        predictedSample = (0..<schedule.count).map { t in
            predictionType.conversion(to: .sample, signal: schedule.signal(t), noise: schedule.noise(t))
        }
        clipping = .none
        posterior = schedule.posteriorLogVariances
        fixedLogVariances = nil
    }

    /// A value of each sample's timestep (N, 1, ..., 1).
    func column(_ timesteps: [Int], like x: Tensor, _ value: (Int) -> Double) -> Tensor {
        schedule.column(timesteps, like: x, value)
    }

    /// The x_0 that follows from a model's output, without clipping (N, ..., C).
    func sample(from output: Tensor, _ xt: Tensor, at timesteps: [Int]) -> Tensor {
        column(timesteps, like: xt) { predictedSample[$0].noisy } * xt
            + column(timesteps, like: xt) { predictedSample[$0].output } * output
    }
}
