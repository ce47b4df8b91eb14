internal import Foundation
internal import TensorCore

/// At which timesteps of which samples the variational bound is taken.
public struct BoundPlan: Sendable {
    /// Samples in all.
    public var count: Int
    /// Samples in one pass of the model. It changes no figure.
    public var batchSize: Int
    /// Of all random numbers.
    public var seed: UInt64
    /// Runs of timesteps that together are all of them, in their order; the first is timestep 0 alone. Of each, each sample is measured
    /// at one, drawn at random, which stands for the others: an estimate without bias, and exact where each run has one.
    public var strata: [Range<Int>]

    /// - Parameters:
    ///   - timesteps: how many of them each sample is measured at; nil: all.
    ///   - total: T.
    public init(count: Int, batchSize: Int, seed: UInt64, timesteps: Int?, of total: Int) {
        precondition(count >= 0 && batchSize > 0 && total > 0 && timesteps.map { $0 >= 1 } ?? true)
        self.count = count
        self.batchSize = batchSize
        self.seed = seed
        // Timestep 0 is of another kind than the rest. Terms fall about as the square of the timestep: runs that grow by a constant
        // factor weigh the same, and the first ones, where most of the bound is, have a timestep each.
        let parts = min(max(timesteps ?? total, 2), total) - 1
        var runs = [0..<1]
        for part in 1..<parts + 1 {
            let start = runs[part - 1].upperBound
            let end = pow(Double(total), Double(part) / Double(parts)).rounded()
            runs.append(start..<max(start + 1, Int(end)))
        }
        strata = runs
    }

    /// Whether timesteps stand for others.
    public var isEstimate: Bool { strata.contains { $0.count > 1 } }

    public var batchCount: Int { (count + batchSize - 1) / batchSize }
    /// Passes of the model.
    public var totalSteps: Int { batchCount * strata.count }

    /// The places of the samples of batch `batch`.
    public func samples(of batch: Int) -> Range<Int> { batch * batchSize..<min(count, (batch + 1) * batchSize) }

    /// The timestep at which a sample is measured in a stratum.
    ///
    /// - Parameter number: the sample's place in its data set.
    func timestep(_ stratum: Int, sample number: Int) -> Int {
        let range = strata[stratum]
        guard range.count > 1, let end = strata.last?.upperBound else { return range.lowerBound }
        // Steps below T are those of the noise.
        var random = Philox(seed: seed, purpose: .evaluation, step: end + stratum, sample: number)
        return range.lowerBound + random.integer(below: range.count)
    }
}
