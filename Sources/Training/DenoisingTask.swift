public import Configurations
public import Datasets
public import Diffusion
public import Models
public import NeuralNet
public import TensorCore

/// Teaches a denoiser: Ho et al. 2020, algorithm 1.
public struct DenoisingTask: TrainingTask {
    private let model: any Denoiser
    private let classConditioning: ClassConditioning
    private let objective: Objective
    private let plan: TrainingPlan

    /// - Parameter classConditioning: whether the model is told the samples' classes.
    public init(
        _ model: any Denoiser, classConditioning: ClassConditioning, objective: Objective, plan: TrainingPlan
    ) {
        self.model = model
        self.classConditioning = classConditioning
        self.objective = objective
        self.plan = plan
    }

    public var network: any Module { model }

    /// Lines 2 to 5.
    public func loss(of batch: Batch, at place: BatchPlace) -> Tensor {
        let x0 = batch.x  // x_0 ~ q(x_0)
        let levels = objective.levels(
            for: x0.shape, seed: plan.seed, step: place.step, samples: place.first..<place.first + batch.count)
        let noise = Tensor.normal(
            x0.shape, seed: plan.seed, purpose: .trainingNoise, step: place.step, firstSample: place.first,
            on: x0.device)
        let xt = objective.addNoise(x0, noise, at: levels)
        let output = model(
            xt, timesteps: levels.timesteps.map(Float.init), classes: trainingClasses(of: batch, at: place),
            dropout: DropoutMasks(seed: plan.seed, pass: place.pass))
        return objective(output, x0: x0, noise: noise, xt: xt, at: levels)
    }

    /// At timesteps and with noise that never change.
    public func validationLoss(of batch: Batch, first: Int) -> Tensor {
        let levels = objective.levels(
            for: batch.x.shape, seed: plan.seed, purpose: .validation, step: 0, samples: first..<first + batch.count)
        // Step 1 of the same purpose: the timesteps above use step 0.
        let noise = Tensor.normal(
            batch.x.shape, seed: plan.seed, purpose: .validation, step: 1, firstSample: first, on: batch.x.device)
        let xt = objective.addNoise(batch.x, noise, at: levels)
        let output = model(xt, timesteps: levels.timesteps.map(Float.init), classes: classes(of: batch))
        return objective(output, x0: batch.x, noise: noise, xt: xt, at: levels)
    }

    private func classes(of batch: Batch) -> ClassLabels? {
        classConditioning == .none ? nil : batch.labels.map(ClassLabels.numbers)
    }

    /// The same with some labels replaced by the null class (Ho & Salimans 2022, algorithm 1, line 3).
    private func trainingClasses(of batch: Batch, at place: BatchPlace) -> ClassLabels? {
        let probability = Float(plan.options.classDropoutProb)
        guard probability > 0, let null = classConditioning.nullClass, let labels = batch.labels else {
            return classes(of: batch)
        }
        return .numbers(
            labels.enumerated().map { index, label in
                var random = Philox(
                    seed: plan.seed, purpose: .labelDropout, step: place.step, sample: place.first + index)
                return random.uniform() < probability ? null : label
            })
    }
}
