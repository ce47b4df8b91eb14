import Dispatch
import Problems
import Synchronization

/// Decodes all samples of a source, several at a time.
enum Decoding {
    /// One sample, or why it cannot be decoded, and what is odd about it.
    struct Outcome: Sendable {
        var sample: Result<Sample, Problem>
        var warnings: [String]
    }

    /// Hands over the outcomes in the order of the samples.
    ///
    /// - Parameters:
    ///   - progress: told how many samples of how many are decoded; what it throws ends the work.
    ///   - take: whether to go on.
    static func run(
        _ source: any SampleSource, threads: Int, progress: (_ done: Int, _ total: Int) throws -> Void,
        take: (Int, Outcome) -> Bool
    ) throws {
        for first in stride(from: 0, to: source.count, by: 64 * threads) {
            let range = first..<min(first + 64 * threads, source.count)
            for (place, outcome) in zip(range, outcomes(source, range, threads: threads)) {
                guard take(place, outcome) else { return }
            }
            try progress(range.upperBound, source.count)
        }
    }

    private static func outcomes(_ source: any SampleSource, _ range: Range<Int>, threads: Int) -> [Outcome] {
        let results = Mutex([Outcome?](repeating: nil, count: range.count))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            while true {
                let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard place < range.count else { return }
                var warnings: [String] = []
                let sample = Result { try source.sample(range.lowerBound + place) { warnings.append($0) } }.mapError {
                    $0 as? Problem ?? Problem(.internal, "a sample cannot be decoded", cause: "\($0)")
                }
                let outcome = Outcome(sample: sample, warnings: warnings)
                results.withLock { $0[place] = outcome }
            }
        }
        return results.withLock { $0.compactMap(\.self) }
    }
}
