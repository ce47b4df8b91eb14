public import Models
public import TensorCore

/// Samples that are worked on together.
public struct Batch {
    /// (N, H, W, C) in [-1, 1], or standardized points (N, D).
    public let x: Tensor
    /// What the data say of each sample: a row each, or `.none`.
    public let condition: Condition
    /// The number of each sample's caption among `Dataset.captions`; nil where they have none.
    public let captions: [Int]?

    public var count: Int { x.shape[0] }

    public init(x: Tensor, condition: Condition, captions: [Int]? = nil) {
        precondition(condition.count.map { $0 == x.shape[0] } ?? true, "each sample has a condition, or none has")
        precondition(captions.map { $0.count == x.shape[0] } ?? true, "each sample has a caption, or none has")
        self.x = x
        self.condition = condition
        self.captions = captions
    }
}

/// A batch before it is a tensor, as a loader thread hands it over.
struct HostBatch: Sendable, Hashable {
    var values: [Float]
    var labels: [Int]?
    var captions: [Int]?
    var count: Int

    func batch(shape: [Int], on device: Device) -> Batch {
        Batch(
            x: Tensor(values, shape: Shape([count] + shape), on: device),
            condition: labels.map { Condition(classes: $0) } ?? .none, captions: captions)
    }
}

/// Puts training batches together: batch number b holds the samples at ordinals b * size ..< (b + 1) * size of the order.
struct BatchMaker: Sendable {
    let dataset: Dataset
    let size: Int
    private var order: EpochOrder

    init(_ dataset: Dataset, seed: UInt64, size: Int) {
        self.dataset = dataset
        self.size = size
        order = EpochOrder(seed: seed, count: dataset.trainingCount)
    }

    mutating func batch(_ number: Int) throws -> HostBatch {
        let ordinals = number * size..<(number + 1) * size
        let samples = ordinals.map { order.sample(at: $0) }
        let mirrored = dataset.mirrors ? ordinals.map { order.isMirrored(at: $0) } : []
        var batch = try dataset.hostBatch(of: dataset.training, samples, mirrored: mirrored)
        batch.captions = dataset.sampleCaptions.map { captions in
            zip(ordinals, samples).map { ordinal, sample in
                captions.number(of: dataset.training[sample]) { order.caption(at: ordinal, of: $0) }
            }
        }
        return batch
    }
}
