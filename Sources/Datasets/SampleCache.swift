import Problems

/// All samples of a source, decoded once.
struct SampleCache: SampleSource {
    private let samples: [Sample]

    var count: Int { samples.count }
    var isInMemory: Bool { true }

    init(_ samples: [Sample]) { self.samples = samples }

    func sample(_ index: Int, warn: (String) -> Void) -> Sample { samples[index] }

    /// Decodes `source` on `threads` threads; nil as soon as the samples take more than `limit` bytes.
    ///
    /// - Parameter progress: told how many samples of how many are decoded; what it throws ends the work.
    /// - Throws: the `Problem` of the first sample that cannot be decoded.
    init?(
        decoding source: any SampleSource, limit: Int, threads: Int,
        progress: (_ done: Int, _ total: Int) throws -> Void
    ) throws {
        var samples: [Sample] = []
        var problem: Problem?
        var memory = 0
        try Decoding.run(source, threads: threads, progress: progress) { _, outcome in
            switch outcome.sample {
            case .success(let sample):
                samples.append(sample)
                memory += sample.memory + MemoryLayout<Sample>.stride
                return memory <= limit
            case .failure(let found):
                problem = found
                return false
            }
        }
        if let problem { throw problem }
        guard memory <= limit else { return nil }
        self.samples = samples
    }
}
