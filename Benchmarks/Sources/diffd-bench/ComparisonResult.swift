/// A case on both sides.
struct ComparisonResult: Encodable {
    var name: String
    var about: String
    var target: Case.Target?
    var check: CheckResult
    /// One for each round; empty when the two do not agree.
    var ours: [MeasureResult] = []
    var theirs: [MeasureResult] = []

    /// PyTorch's time over ours, in each round.
    var speeds: [Double] { zip(theirs, ours).map { $0.medianSeconds / $1.medianSeconds } }

    /// Our peak over PyTorch's, each the median of its rounds.
    var memory: Double { Self.peak(ours) / Self.peak(theirs) }

    /// What was found, in a line.
    var line: String {
        guard check.agrees else {
            let errors = check.errors.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.short)" }
            return
                "  no ratio: the two compute different things: \(errors.joined(separator: ", ")); allowed is \(CheckResult.tolerance.short)"
        }
        return
            "  \(speeds.median.short) x, \(memory.short) of the memory; they differ by at most \(check.largest.short)"
    }

    static func table(_ results: [ComparisonResult]) -> String {
        var table = Table([
            "case", "diffd", "PyTorch", "ratio", "spread", "target", "", "diffd MiB", "PyTorch MiB", "ratio", "target",
            "", "error",
        ])
        for result in results { table.add(result.row) }
        return table.text
    }

    private var row: [String] {
        guard check.agrees, let fastest = speeds.max(), let slowest = speeds.min() else {
            return [name, "-", "-", "-", "-", "-", "", "-", "-", "-", "-", "differs", check.largest.short]
        }
        let ratio = speeds.median
        return [
            name, ours.map(\.medianSeconds).median.asTime, theirs.map(\.medianSeconds).median.asTime, ratio.short,
            "\(slowest.short)-\(fastest.short)", target?.speed.short ?? "-",
            target.map { ratio >= $0.speed ? "met" : "short" } ?? "", (Self.peak(ours) / 0x1p20).short,
            (Self.peak(theirs) / 0x1p20).short, memory.short, target?.memory.short ?? "-",
            target.map { memory <= $0.memory ? "met" : "over" } ?? "", check.largest.short,
        ]
    }

    private static func peak(_ results: [MeasureResult]) -> Double { results.map { Double($0.peakBytes) }.median }

    enum CodingKeys: String, CodingKey {
        case name, about, target, errors, ours, theirs, speeds, memory
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(about, forKey: .about)
        try container.encode(target, forKey: .target)
        try container.encode(check, forKey: .errors)
        guard check.agrees else { return }
        try container.encode(ours, forKey: .ours)
        try container.encode(theirs, forKey: .theirs)
        try container.encode(speeds, forKey: .speeds)
        try container.encode(memory, forKey: .memory)
    }
}

/// What `compare` writes.
struct ComparisonReport: Encodable {
    var machine: Machine
    var cases: [ComparisonResult]
}
