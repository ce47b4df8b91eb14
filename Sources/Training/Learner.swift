internal import Checkpoints
internal import NeuralNet
internal import Problems
internal import TensorCore

/// A group's parameters and optimizer.
final class Learner {
    let group: LearnerGroup
    let parameters: ParameterBuffer
    let optimizer: Optimizer

    /// - Throws: `invalid` where the group selects nothing that can be trained.
    init(_ group: LearnerGroup) throws {
        let isTrainable = group.network.parameters.contains {
            $0.parameter.isTrainable && group.selection.contains($0.name)
        }
        guard isTrainable else {
            throw Problem(
                .invalid, "no trainable parameter of \(group.name) is selected by \(group.selection.patterns)",
                remedy: "Select parameters by the names that they have in the model's weights.")
        }
        self.group = group
        parameters = ParameterBuffer(group.network, selecting: group.selection)
        optimizer = Optimizer(
            group.optimization.rule, parameters, averaging: group.optimization.averageDecay != nil)
    }

    /// What is saved of it.
    var state: TrainingState.Group {
        TrainingState.Group(
            name: group.name, weights: parameters.weights, average: optimizer.average, moments: optimizer.moments)
    }

    func restore(_ state: TrainingState.Group) {
        parameters.weights.overwrite(with: state.weights)
        if let average = optimizer.average, let saved = state.average { average.overwrite(with: saved) }
        for (moment, saved) in zip(optimizer.moments, state.moments) { moment.overwrite(with: saved) }
    }

    /// Begins again with the values that the parameters now have.
    func restart() {
        parameters.adoptValues()
        optimizer.average?.overwrite(with: parameters.weights)
        for moment in optimizer.moments { moment.clear() }
    }
}

extension InitialWeights {
    func give(to group: LearnerGroup) throws {
        switch self {
        case .random(let seed): group.network.initialize(seed: seed, selecting: group.selection)
        case .loaded(let load): try load()
        }
    }
}
