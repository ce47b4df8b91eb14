import Configurations
import Diffusion
import Models
import NeuralNet
import Sampling
import TensorCore
import Testing

/// Two hundred samplings in one process, each with a network of its own, take what the first takes.
@Test func samplingsLeaveNothingBehind() throws {
    let device = Device(threads: 1)
    var scheduler = SchedulerConfiguration()
    scheduler.numTrainTimesteps = 20
    var seen: [MemoryStatistics] = []
    for job in 0..<200 {
        let configuration = ModelConfiguration(MLPConfiguration(dataDimension: 2, hiddenSize: 16, hiddenLayers: 1))
        let model = configuration.makeModel(numTrainTimesteps: 20, on: device)
        model.initialize(seed: UInt64(job))
        let plan = SamplingPlan(
            sampler: try SamplerName.dpmpp2M.sampler(over: scheduler.converted(to: .dpmpp2M), steps: 4),
            sampleShape: [2], count: 30, batchSize: 8)
        var run = SamplingRun(plan, model, from: SamplingCursor(noise: .philox(seed: UInt64(job))), on: device)
        while try run.step() != nil {}
        seen.append(device.memory)
    }
    #expect(seen[199].held == seen[49].held && seen[199].systemAllocations == seen[49].systemAllocations)
    #expect(seen[199].peak == seen[49].peak)
}
