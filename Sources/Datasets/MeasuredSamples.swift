import Configurations
public import TensorCore

/// The samples of a data set by which a finished model is measured: those held out from its training where there are some, else all of
/// them; each once, never mirrored.
public struct MeasuredSamples: Sendable {
    /// The places of the samples in the data set, in an order that depends on the seed alone: the first few are a fair choice.
    public let numbers: [Int]
    /// Whether they were held out.
    public var areHeldOut: Bool { !dataset.validation.isEmpty }
    private let dataset: Dataset

    /// - Parameter count: how many at most; nil: all.
    public init(_ dataset: Dataset, seed: UInt64, count: Int?) {
        self.dataset = dataset
        let part = dataset.validation.isEmpty ? dataset.training : dataset.validation
        var random = Philox(seed: seed, purpose: .evaluation)
        numbers = random.permutation(of: part.count).prefix(count ?? part.count).map { part[$0] }
    }

    /// Some of them, by their places in `numbers`.
    ///
    /// - Throws: the `Problem` of a file that cannot be decoded.
    public func batch(_ range: Range<Int>, on device: Device) throws -> Batch {
        try dataset.hostBatch(ofSamples: Array(numbers[range]), mirrored: [])
            .batch(shape: dataset.shape.dimensions, on: device)
    }
}
