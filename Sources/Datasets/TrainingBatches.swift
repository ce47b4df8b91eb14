import Configurations
import TensorCore

/// The batches of a training, any of them at any time: which samples a batch holds, and in which order, depends on the seed and its
/// place in the training alone. One thread asks; where samples must be decoded anew, another prepares the next batches meanwhile.
public final class TrainingBatches {
    /// Samples in a batch.
    public let size: Int
    /// Batches in an optimizer step.
    public let perStep: Int
    private let device: Device
    private let shape: [Int]
    private var maker: BatchMaker
    private let prefetcher: Prefetcher?
    /// The pictures among clips.
    private let stills: TrainingBatches?
    private let seed: UInt64

    init(_ dataset: Dataset, seed: UInt64, size: Int, perStep: Int, on device: Device) {
        precondition(size > 0 && perStep > 0, "a batch has samples and a step has batches")
        self.size = size
        self.perStep = perStep
        self.device = device
        shape = dataset.shape.dimensions
        self.seed = seed
        stills = dataset.stills.map {
            TrainingBatches($0.pictures, seed: seed, size: size, perStep: perStep, on: device)
        }
        maker = BatchMaker(dataset, seed: seed, size: size)
        prefetcher = dataset.isInMemory ? nil : Prefetcher(maker, ahead: 3)
    }

    /// Batch `microbatch` of `0..<perStep` of the training step `step`, counted from 0. Asking in ascending order is fastest.
    ///
    /// - Throws: the `Problem` of a file that cannot be decoded (only where samples are streamed).
    public func batch(step: Int, microbatch: Int = 0) throws -> Batch {
        let number = step * perStep + microbatch
        if let stills, maker.dataset.stills?.isDue(batch: number, seed: seed) == true {
            return try stills.batch(step: step, microbatch: microbatch).asClips
        }
        let host = try prefetcher?.batch(number) ?? maker.batch(number)
        return host.batch(shape: shape, on: device)
    }

    /// How many steps make `epochs` passes over the samples; the last may go beyond.
    public func steps(epochs: Int) -> Int {
        let (samples, perStep) = (epochs * maker.dataset.trainingCount, size * perStep)
        return (samples + perStep - 1) / perStep
    }
}
