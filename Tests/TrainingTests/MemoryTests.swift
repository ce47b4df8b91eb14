import Configurations
import Diffusion
import Models
import NeuralNet
import TensorCore
import TestSupport
import Testing
import Training

@Suite("the memory of a training") struct MemoryTests {
    /// Pictures large enough that tensors, not what kernels borrow, are most of it.
    private func rig(checkpointing: Bool) -> TrainingRig {
        var rig = TrainingRig.unet2d
        guard var unet = rig.model.network as? UNet2DConfiguration else { return rig }
        unet.sampleSize = ImageSize(32)
        unet.blockOutChannels = [32, 48]
        unet.dropout = 0
        rig.model = ModelConfiguration(unet)
        rig.dataset.images.resolution = 32
        rig.plan.batchSize = 16
        rig.plan.gradientCheckpointing = checkpointing
        rig.steps = 2
        return rig
    }

    @Test("is what a rehearsal tells", arguments: [false, true]) func rehearsal(checkpointing: Bool) throws {
        let rig = rig(checkpointing: checkpointing)
        let directory = try TemporaryDirectory()
        let device = Device(threads: 1)
        try rig.run(in: directory.path, on: rig.makeModel(on: device))
        let task = try rig.task(rig.makeModel(on: .rehearsal()))
        let told = try Trainer.rehearse(
            task, [rig.group(task)], rig.plan, shape: [32, 32, 3], condition: Condition(classes: [0]))
        let ratio = Double(told) / Double(device.memory.held)
        #expect(ratio > 0.85 && ratio < 1.15, "\(told) told, \(device.memory.held) taken")
    }

    /// After fifty steps a training has all that it will ever take.
    @Test("does not grow over a thousand steps") func noLeak() throws {
        var rig = TrainingRig.mlp
        rig.steps = 1000
        rig.plan.checkpointEvery = 100
        let directory = try TemporaryDirectory()
        let device = Device(threads: 1)
        var seen: [Int: MemoryStatistics] = [:]
        try rig.run(
            in: directory.path, on: rig.makeModel(on: device),
            step: { seen[$0.step] = device.memory })
        let (early, late) = (try #require(seen[50]), try #require(seen[1000]))
        #expect(late.used == early.used && late.held == early.held)
        #expect(late.systemAllocations == early.systemAllocations)
    }
}
