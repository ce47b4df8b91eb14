public import TensorCore

/// Samples that are worked on together.
public struct Batch {
    /// (N, H, W, C) in [-1, 1], or standardized points (N, D).
    public let x: Tensor
    /// N classes; nil when the data have none.
    public let labels: [Int]?

    public var count: Int { x.shape[0] }

    /// - Parameter labels: as many as `x` has samples.
    public init(x: Tensor, labels: [Int]?) {
        precondition(labels.map { $0.count == x.shape[0] } ?? true, "each sample has a class, or none has")
        self.x = x
        self.labels = labels
    }
}

/// A batch before it is a tensor; a loader thread can hand it over.
struct HostBatch: Sendable, Hashable {
    var values: [Float]
    var labels: [Int]?
    var count: Int

    func batch(shape: [Int], on device: Device) -> Batch {
        Batch(x: Tensor(values, shape: Shape([count] + shape), on: device), labels: labels)
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
        return try dataset.hostBatch(of: dataset.training, samples, mirrored: mirrored)
    }
}
