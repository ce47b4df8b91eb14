import Checkpoints
import Configurations
import Datasets
import Models
import NeuralNet
import Problems
import Safetensors
import TensorCore
import TestSupport
import Testing
import Training

/// Trainings of some parameters, by several optimizers, from weights that are given.
@Suite struct LearnerGroupTests {
    private let device = Device(threads: 1)
    private let rig = TrainingRig.mlp

    private func values(_ model: some Module) -> [String: [Float]] {
        Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.parameter.value.array()) })
    }

    /// A training of the rig's network by groups of its own.
    private func train(
        _ model: any Denoiser, _ groups: [LearnerGroup], in directory: String? = nil, stopAt stop: Int? = nil,
        report: @escaping (TrainingEvent) throws -> Void = { _ in }
    ) throws {
        let path = try directory ?? TemporaryDirectory().path
        let trainer = try Trainer(
            rig.task(model), groups, dataset: Dataset(.synthetic(rig.dataset), seed: 7), plan: rig.plan,
            store: rig.store(path), preview: { _ in }, report: report)
        _ = try trainer.run(stopAt: stop)
    }

    private func group(
        _ name: String, _ model: any Denoiser, _ patterns: [String], except exceptions: [String] = [],
        _ change: (inout Optimization) -> Void = { _ in }
    ) -> LearnerGroup {
        var optimization = rig.optimization
        change(&optimization)
        return LearnerGroup(
            name, model, selection: ParameterSelection(patterns, except: exceptions), .random(seed: 7), optimization)
    }

    // MARK: - Selection

    @Test func onlyWhatIsSelectedChanges() throws {
        let start = rig.makeModel(on: device)
        start.initialize(seed: 7)
        let model = rig.makeModel(on: device)
        model.initialize(seed: 7)
        let directory = try TemporaryDirectory()
        try train(model, [group("head", model, ["5.*"])], in: directory.path)
        let (before, after) = (values(start), values(model))
        for (name, value) in after { #expect((value == before[name]) == !name.hasPrefix("5."), "\(name)") }
        // A matrix of 2 x 24 and 2 biases, which begin at a multiple of 16.
        let file = try SafetensorsFile(directory("checkpoints/step-00000022.safetensors"))
        #expect(file.names.sorted() == ["head.average", "head.moment.0", "head.moment.1", "head.weights"])
        #expect(try file.info("head.weights").shape == [64])
    }

    /// Neither gradients and moments of what is not selected, nor what its gradients would need.
    @Test func whatIsNotSelectedTakesNoMemory() throws {
        func memory(_ patterns: [String]) throws -> Int {
            var rig = rig
            rig.model = ModelConfiguration(MLPConfiguration(dataDimension: 2, hiddenSize: 512, hiddenLayers: 4))
            let model = rig.makeModel(on: .rehearsal())
            return try Trainer.rehearse(
                rig.task(model), [group("part", model, patterns)], rig.plan, shape: [2], condition: .none)
        }
        let (all, head) = try (memory(["*"]), memory(["9.*"]))
        // Three hidden matrices of 512 x 512, each with a gradient, two moments and an average.
        let saved = 3 * 512 * 512 * 4 * MemoryLayout<Float>.size
        #expect(all - head > saved * 9 / 10, "\(all) and \(head)")
    }

    @Test func selectionOfNothingIsRefused() throws {
        let model = rig.makeModel(on: device)
        let problem = #expect(throws: Problem.self) { try train(model, [group("a", model, ["9.weight"])]) }
        #expect(problem?.code == .invalid && problem?.message.contains("9.weight") == true)
    }

    @Test func parameterOfTwoGroupsIsRefused() throws {
        let model = rig.makeModel(on: device)
        let problem = #expect(throws: Problem.self) {
            try train(model, [group("a", model, ["1.*"]), group("b", model, ["*.bias"])])
        }
        #expect(problem?.code == .invalid && problem?.message.contains("1.bias") == true)
    }

    // MARK: - Several groups

    /// Each group has an optimizer of its own, and together they do what one would.
    @Test func groupsOfOneTurnAreOneTraining() throws {
        let (whole, parted) = (rig.makeModel(on: device), rig.makeModel(on: device))
        try train(whole, [group("all", whole, ["*"]) { $0.maxGradientNorm = nil }])
        try train(
            parted,
            [
                group("weights", parted, ["*.weight"]) { $0.maxGradientNorm = nil },
                group("rest", parted, ["*"], except: ["*.weight"]) { $0.maxGradientNorm = nil },
            ])
        #expect(values(whole) == values(parted))
    }

    @Test func groupsHaveRulesOfTheirOwn() throws {
        let model = rig.makeModel(on: device)
        model.initialize(seed: 7)
        let before = values(model)
        let directory = try TemporaryDirectory()
        try train(
            model,
            [
                group("slow", model, ["1.*"]) { ($0.learningRate, $0.averageDecay) = (0, nil) },
                group("fast", model, ["3.*", "5.*"]) { $0.rule = .sgd(momentum: 0.9, weightDecay: 0) },
            ], in: directory.path)
        let after = values(model)
        for (name, value) in after { #expect((value == before[name]) == name.hasPrefix("1."), "\(name)") }
        let file = try SafetensorsFile(directory("checkpoints/step-00000022.safetensors"))
        #expect(
            file.names.sorted() == [
                "fast.average", "fast.moment.0", "fast.weights", "slow.moment.0", "slow.moment.1", "slow.weights",
            ])
    }

    // MARK: - Initial weights

    /// Before there is a state, a training that goes back begins with the given weights again.
    @Test func givenWeightsAreWhereItBegins() throws {
        let network = rig.makeModel(on: device)
        let model = FaultyDenoiser(network) { call, isTraining in isTraining && call == 2 ? .nan : 1 }
        var (loads, resumed): (Int, [Int]) = (0, [])
        var group = group("denoiser", model, ["*"]) { $0.learningRate = 0 }
        group.initialWeights = .loaded {
            loads += 1
            network.initialize(seed: 42)
        }
        let expected = rig.makeModel(on: device)
        expected.initialize(seed: 42)
        try train(model, [group]) { if case .recovered(_, let step, _, _) = $0 { resumed.append(step) } }
        #expect(resumed == [0] && loads == 2)
        // Nothing is learned at a rate of 0.
        #expect(values(network) == values(expected))
    }
}
