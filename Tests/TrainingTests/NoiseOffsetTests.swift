import Configurations
import Datasets
import Diffusion
import Models
import NeuralNet
import TensorCore
import Testing
import Training

/// Guttenberg 2023, "Diffusion with offset noise".
@Suite("offset noise") struct NoiseOffsetTests {
    /// A denoiser that keeps what it is given.
    private final class Recorder: Denoiser {
        var given: [Tensor] = []

        func visit(_ visitor: inout ParameterVisitor) {}
        func callAsFunction(
            _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
        ) -> Tensor {
            given.append(x)
            return x
        }
    }

    /// What the network is given of nothing but noise, at the last timestep.
    private func noise(_ offset: Double, first: Int = 0) throws -> [[Float]] {
        let objective = Objective(
            schedule: try NoiseSchedule(SchedulerConfiguration()), predictionType: .epsilon, timesteps: 999...999)
        let recorder = Recorder()
        let task = DenoisingTask(
            recorder, takes: [], unconditional: nil, objective: objective, noiseOffset: offset, seed: 4)
        let x = Tensor.zeros([3, 4, 4, 2], on: Device(threads: 1))
        _ = try task.losses(
            of: Batch(x: x, condition: .none), at: BatchPlace(step: 7, first: first, pass: 0, turn: 0))
        let values = recorder.given[0].array()
        return (0..<3).map { Array(values[$0 * 32..<($0 + 1) * 32]) }
    }

    @Test("adds the same number to all pixels of a channel") func offset() throws {
        let (plain, shifted) = (try noise(0), try noise(0.5))
        var offsets: Set<Float> = []
        for (a, b) in zip(plain, shifted) {
            let differences = zip(a, b).map { $1 - $0 }
            for channel in 0..<2 {
                let own = stride(from: channel, to: 32, by: 2).map { differences[$0] }
                #expect(own.allSatisfy { abs($0 - own[0]) < 1e-5 } && own[0] != 0)
                offsets.insert(own[0])
            }
        }
        #expect(offsets.count == 6)
    }

    @Test("of a sample is its own, whatever the batch") func split() throws {
        #expect(try noise(0.5)[1] == noise(0.5, first: 1)[0])
    }
}
