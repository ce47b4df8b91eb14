import Dispatch
import Problems
import Synchronization

/// All samples of a source, decoded once.
struct SampleCache: SampleSource {
    private let samples: [Sample]

    var count: Int { samples.count }
    var isInMemory: Bool { true }

    func sample(_ index: Int) -> Sample { samples[index] }

    /// How many problems are told before the rest is left unread.
    static let reportedProblems = 20

    /// Decodes `source` on `threads` threads; nil as soon as the samples take more than `limit` bytes.
    ///
    /// - Parameter progress: told how many samples of how many are decoded; what it throws ends the work.
    /// - Throws: the `Problem` of the one sample, or the `Problems` of up to 20, that cannot be decoded.
    init?(
        decoding source: any SampleSource, limit: Int, threads: Int,
        progress: (_ done: Int, _ total: Int) throws -> Void
    ) throws {
        var samples: [Sample] = []
        var problems: [Problem] = []
        var memory = 0
        let block = 64 * threads
        while samples.count + problems.count < source.count {
            let first = samples.count + problems.count
            let count = min(block, source.count - first)
            for result in Self.decode(source, first..<first + count, threads: threads) {
                switch result {
                case .success(let sample):
                    memory += sample.memory + MemoryLayout<Sample>.stride
                    samples.append(sample)
                case .failure(let problem):
                    problems.append(problem)
                }
            }
            if problems.count >= Self.reportedProblems { break }
            if memory > limit && problems.isEmpty { return nil }
            try progress(first + count, source.count)
        }
        if problems.count == 1 { throw problems[0] }
        if !problems.isEmpty { throw Problems(Array(problems.prefix(Self.reportedProblems))) }
        self.samples = samples
    }

    private static func decode(
        _ source: any SampleSource, _ range: Range<Int>, threads: Int
    ) -> [Result<Sample, Problem>] {
        let results = Mutex([Result<Sample, Problem>?](repeating: nil, count: range.count))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            while true {
                let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard place < range.count else { return }
                let result = Result { try source.sample(range.lowerBound + place) }.mapError {
                    $0 as? Problem ?? Problem(.internal, "a sample cannot be decoded", cause: "\($0)")
                }
                results.withLock { $0[place] = result }
            }
        }
        return results.withLock { $0.compactMap(\.self) }
    }
}
