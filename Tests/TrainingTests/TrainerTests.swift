import Checkpoints
import Configurations
import DurableFiles
import Models
import NeuralNet
import Safetensors
import TensorCore
import TestSupport
import Testing
import Training

/// What the loop does around its steps, as its events tell.
@Suite struct TrainerTests {
    /// All trainable numbers, laid out as in a saved state.
    private func flattened(_ model: some Module) -> [Float] {
        model.parameters.flatMap { entry in
            let values = entry.parameter.value.array()
            return values + [Float](repeating: 0, count: (16 - values.count % 16) % 16)
        }
    }

    private func steps(_ rig: TrainingRig) throws -> [StepReport] {
        let directory = try TemporaryDirectory()
        var steps: [StepReport] = []
        try rig.run(in: directory.path, step: { steps.append($0) })
        return steps
    }

    // MARK: - Steps

    @Test func learningRateFollowsItsSchedule() throws {
        var rig = TrainingRig.mlp
        for shape in LearningRateShape.allCases {
            rig.optimization.learningRateShape = shape
            let schedule = LearningRateSchedule(shape, warmupSteps: 3, totalSteps: 22)
            let told = try steps(rig)
            #expect(told.map(\.step) == Array(1...22))
            #expect(told.allSatisfy { $0.total == 22 })
            #expect(told.map(\.learningRate) == (0..<22).map { 3e-3 * schedule.factor(step: $0) }, "\(shape)")
            #expect(told[0].learningRate == 0 && told[3].learningRate == 3e-3)
        }
    }

    /// With plain gradient descent at rate 1 a step's length is the norm of the clipped gradient.
    @Test func gradientsAreClippedToTheirNorm() throws {
        var rig = TrainingRig.mlp
        rig.optimization.rule = .sgd(momentum: 0, weightDecay: 0)
        rig.optimization.learningRate = 1
        rig.optimization.learningRateShape = .constant
        rig.optimization.warmupSteps = 0
        rig.optimization.averageDecay = nil
        rig.steps = 1
        let device = Device(threads: 1)
        let start = rig.makeModel(on: device)
        start.initialize(seed: 7)
        var norms: [Double] = []
        for limit in [nil, 0.01, 1e6] {
            rig.optimization.maxGradientNorm = limit
            let model = rig.makeModel(on: device)
            let directory = try TemporaryDirectory()
            var norm = 0.0
            try rig.run(in: directory.path, on: model, step: { norm = $0.gradientNorm })
            let length = zip(flattened(model), flattened(start))
                .reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
            #expect(abs(length / min(norm, limit ?? .infinity) - 1) < 1e-3, "\(String(describing: limit))")
            norms.append(norm)
        }
        // What is told is the norm before clipping.
        #expect(norms[0] > 0.01 && norms.allSatisfy { $0 == norms[0] })
    }

    /// Ho & Salimans 2022, algorithm 1: some samples are trained without their class, the same ones whatever the batches.
    @Test func classesAreDropped() throws {
        final class Listener: Denoiser {
            let network: any Denoiser
            var labels: [Int] = []
            init(_ network: any Denoiser) { self.network = network }
            func visit(_ visitor: inout ParameterVisitor) { network.visit(&visitor) }
            func callAsFunction(
                _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
            ) -> Tensor {
                if dropout != nil { labels += condition.classNumbers ?? [] }
                return network(x, timesteps: timesteps, condition: condition, dropout: dropout)
            }
        }
        var rig = TrainingRig.unet2d
        guard var unet = rig.model.network as? UNet2DConfiguration else { return }
        unet.numClassEmbeds = 4
        unet.nullClass = true
        rig.model = ModelConfiguration(unet)
        rig.classDropout = 0.5
        func labels() throws -> [Int] {
            let listener = Listener(rig.makeModel(on: Device(threads: 1)))
            try rig.run(in: TemporaryDirectory().path, on: listener)
            return listener.labels
        }
        let dropped = try labels()
        // 96 samples: five standard deviations around 48.
        #expect(dropped.count == 96 && (24...72).contains(dropped.count { $0 == 3 }))
        rig.plan.batchSize = 8
        rig.plan.accumulation = 1
        #expect(try labels() == dropped)
        rig.classDropout = 0
        for (kept, label) in zip(try labels(), dropped) { #expect(kept == label || label == 3 && kept < 3) }
    }

    /// Two batches of 5 give the gradient of one of 10, up to rounding.
    @Test func accumulationIsTheMeanOverBatches() throws {
        var rig = TrainingRig.mlp
        let whole = try steps(rig)
        rig.plan.batchSize = 5
        rig.plan.accumulation = 2
        for (a, b) in zip(try steps(rig), whole) {
            #expect(abs(a.loss / b.loss - 1) < 1e-4)
            #expect(abs(a.gradientNorm / b.gradientNorm - 1) < 1e-3)
        }
    }

    @Test func lossFalls() throws {
        var rig = TrainingRig.mlp
        rig.steps = 400
        let losses = try steps(rig).map(\.loss)
        let (first, last) = (losses.prefix(50).reduce(0, +), losses.suffix(50).reduce(0, +))
        #expect(last < 0.9 * first)
    }

    // MARK: - Around the steps

    @Test func validationLossDependsOnTheWeightsAlone() throws {
        var rig = TrainingRig.unet2d
        // The weights stay as they begin.
        rig.optimization.learningRate = 0
        rig.optimization.rule = .adam(Adam(isDecoupled: true))
        rig.plan.validationEvery = 1
        var losses: [Double] = []
        let directory = try TemporaryDirectory()
        let report: (TrainingEvent) -> Void = {
            if case .validation(_, let found) = $0 { losses.append(found[0].value) }
        }
        try rig.run(in: directory.path, stopAt: 5, report: report)
        try rig.run(in: directory.path, report: report)
        #expect(losses.count == 12)
        #expect(Set(losses).count == 1)
        // Dropout would make it another.
        #expect(losses[0] > 0.1 && losses[0] < 10)
    }

    @Test func validationCoversTheBatchesThatAreAskedFor() throws {
        var rig = TrainingRig.mlp
        rig.optimization.learningRate = 1e-12
        func first(_ batches: Int) throws -> Double? {
            rig.plan.validationBatches = batches
            let directory = try TemporaryDirectory()
            var losses: [Double] = []
            try rig.run(in: directory.path) { if case .validation(_, let found) = $0 { losses.append(found[0].value) } }
            return losses.first
        }
        let (one, two, many) = try (first(1), first(2), first(50))
        #expect(one != two)
        // There are two batches of ten.
        #expect(two == many)
    }

    @Test func statesAreSavedWhenDueAndAtTheEnd() throws {
        let rig = TrainingRig.mlp
        let directory = try TemporaryDirectory()
        var saved: [Int] = []
        var best: (step: Int, loss: Double)?
        try rig.run(in: directory.path) {
            switch $0 {
            case .checkpoint(let step, let path):
                saved.append(step)
                #expect(path.hasSuffix("\(step).safetensors"))
            case .validation(let step, let losses):
                // States at 5, 10, 15, 20 and 22; validation at 4, 8, 12, 16, 20 and 22.
                if [20, 22].contains(step), losses[0].value < best?.loss ?? .infinity {
                    best = (step, losses[0].value)
                }
            default: break
            }
        }
        #expect(saved == [5, 10, 15, 20, 22])
        #expect(try rig.store(directory.path).steps() == [20, 22])
        let file = try SafetensorsFile(directory("checkpoints/step-00000022.safetensors"))
        let expected = "\"best\":{\"loss\":\(best?.loss ?? 0),\"step\":\(best?.step ?? 0)}"
        #expect(file.metadata["record"]?.contains(expected) == true)
    }

    @Test func previewSeesTheAverageAndTrainingGoesOnWithTheRawWeights() throws {
        var rig = TrainingRig.mlp
        let quiet = try TemporaryDirectory()
        try rig.run(in: quiet.path)

        rig.plan.previewEvery = 5
        let directory = try TemporaryDirectory()
        let model = rig.makeModel(on: Device(threads: 1))
        var previews: [Int] = []
        try rig.run(
            in: directory.path, on: model,
            preview: { step in
                previews.append(step)
                let digits = String(repeating: "0", count: 8 - "\(step)".count) + "\(step)"
                let file = try SafetensorsFile(directory("checkpoints/step-\(digits).safetensors"))
                #expect(flattened(model) == (try file.floats("denoiser.average")))
                #expect(try file.floats("denoiser.average") != file.floats("denoiser.weights"))
            })
        #expect(previews == [5, 10, 15, 20])
        #expect(try rig.finalState(in: directory.path) == rig.finalState(in: quiet.path))
        let file = try SafetensorsFile(directory("checkpoints/step-00000022.safetensors"))
        #expect(try flattened(model) == file.floats("denoiser.weights"))
    }

    /// Killed between a state and its preview, a training would lose the preview.
    @Test func previewOfTheStateThatIsGoneOnFromIsDrawnAgain() throws {
        var rig = TrainingRig.mlp
        rig.plan.previewEvery = 5
        let directory = try TemporaryDirectory()
        struct Killed: Error {}
        #expect(throws: Killed.self) { try rig.run(in: directory.path, preview: { if $0 == 10 { throw Killed() } }) }
        var previews: [Int] = []
        try rig.run(in: directory.path, preview: { previews.append($0) })
        #expect(previews == [10, 15, 20])
    }

    @Test func withoutAverageTheWeightsThemselvesArePublished() throws {
        var rig = TrainingRig.mlp
        rig.optimization.averageDecay = nil
        rig.plan.previewEvery = 5
        let directory = try TemporaryDirectory()
        let model = rig.makeModel(on: Device(threads: 1))
        try rig.run(
            in: directory.path, on: model,
            preview: { step in
                let digits = String(repeating: "0", count: 8 - "\(step)".count) + "\(step)"
                let file = try SafetensorsFile(directory("checkpoints/step-\(digits).safetensors"))
                #expect(flattened(model) == (try file.floats("denoiser.weights")))
                #expect(file.tensors["denoiser.average"] == nil)
            })
    }
}
