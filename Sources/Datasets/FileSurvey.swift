import Configurations
import Problems

/// The samples of a data set that are files of their own.
protocol FileSource: SampleSource {
    /// Relative to the data set's directory.
    var names: [String] { get }
}

extension FileSource {
    var count: Int { names.count }
    var isInMemory: Bool { false }
}

/// Every file of a data set read once before anything is computed with it: every fault in any of them is reported
/// at once.
struct FileSurvey {
    /// The places in the source of those that can be read.
    private(set) var readable: [Int] = []
    /// Bytes of each of them, decoded.
    private(set) var memory: [Int] = []
    /// Them all; nil where they take more memory than they may.
    private(set) var kept: SampleCache?
    private(set) var notes: [String] = []
    /// Files that were left out since they cannot be read.
    private(set) var unreadable: [String] = []

    /// How many are named, of problems and in notes; the others are counted.
    static let named = 100

    /// - Parameters:
    ///   - known: problems of files found before.
    ///   - limit: bytes that decoded samples may take to be kept.
    ///   - progress: told how many samples of how many are decoded; what it throws ends the work.
    /// - Throws: the `Problem` of the one file, or the `Problems` of all files, that cannot be read, unless they are to
    ///   be left out.
    init(
        _ source: some FileSource, known: [Problem], policy: UnreadableFiles, limit: Int, threads: Int,
        progress: (_ done: Int, _ total: Int) throws -> Void
    ) throws {
        var problems = known
        var samples: [Sample] = []
        var (total, oddities) = (0, [String]())
        try Decoding.run(source, threads: threads, progress: progress) { place, outcome in
            oddities += outcome.warnings.map { "\(source.names[place]): \($0)" }
            switch outcome.sample {
            case .success(let sample):
                readable.append(place)
                memory.append(sample.memory)
                total += sample.memory + MemoryLayout<Sample>.stride
                if total <= limit { samples.append(sample) } else { samples = [] }
            case .failure(let problem): problems.append(problem)
            }
            return true
        }
        kept = total <= limit ? SampleCache(samples) : nil
        notes = Self.shortened(oddities) { "\($0) more files are read with such warnings." }
        guard !problems.isEmpty else { return }
        guard policy == .skip, !readable.isEmpty else { throw Self.told(problems) }
        unreadable = problems.map { $0.file ?? "" }
        notes += Self.shortened(problems.map { "left out: \($0)" }) { "\($0) more files are left out." }
    }

    /// One problem as it is, several together.
    private static func told(_ problems: [Problem]) -> any Error {
        if problems.count == 1 { return problems[0] }
        let more = problems.count - named
        guard more > 0 else { return Problems(problems) }
        return Problems(
            problems.prefix(named) + [
                Problem(
                    .corrupt, "\(more) more files of the data set cannot be read",
                    remedy: "Mend them or leave them out; \"unreadable\": \"skip\" does so.")
            ])
    }

    private static func shortened(_ lines: [String], _ more: (Int) -> String) -> [String] {
        lines.count > named ? lines.prefix(named) + [more(lines.count - named)] : lines
    }
}
