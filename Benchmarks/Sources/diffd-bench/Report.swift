internal import Foundation
internal import StrictJSON

/// What `measure` prints, on either side.
struct MeasureResult: Codable {
    var program: String
    var threads: Int
    /// Of each timing.
    var seconds: [Double]
    var medianSeconds: Double
    /// Of all threads, for one timing on average.
    var cpuSeconds: Double
    /// The process's largest resident set.
    var peakBytes: Int
    /// How often the buffer pool had to ask the operating system during the timings; 0 in a steady state. Ours only.
    var systemAllocations: Int?

    enum CodingKeys: String, CodingKey {
        case program, threads, seconds
        case medianSeconds = "median_seconds"
        case cpuSeconds = "cpu_seconds"
        case peakBytes = "peak_bytes"
        case systemAllocations = "system_allocations"
    }
}

extension MeasureResult {
    /// The time, and how many cores it had: where other work took them, fewer than there are threads.
    var description: String {
        let mean = seconds.reduce(0, +) / Double(max(1, seconds.count))
        return "\(medianSeconds.asTime) on \((cpuSeconds / mean).short) cores"
    }
}

/// What `check` prints.
struct CheckResult: Codable {
    /// The two programs agree when none is above it.
    static let tolerance = 1e-4

    var errors: [String: Double]

    var largest: Double { errors.values.max() ?? .infinity }
    var agrees: Bool { largest <= Self.tolerance }

    /// JSON has no infinity.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(errors.mapValues { min($0, Double.greatestFiniteMagnitude) }, forKey: .errors)
    }
}

enum Report {
    /// Prints a line at once, also into a file or a pipe: a run takes minutes.
    static func say(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }

    static func printLine(_ value: some Encodable) throws {
        FileHandle.standardOutput.write(Data(try JSONText.encode(value, .line)))
    }

    /// Writes `value` to results/NAME-TIME.json and says where.
    static func save(_ value: some Encodable, as name: String, in benchmarks: String) throws {
        let directory = "\(benchmarks)/results"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let time = Date.now.formatted(.iso8601.timeSeparator(.omitted).dateSeparator(.omitted))
        let path = "\(directory)/\(name)-\(time).json"
        try Data(try JSONText.encode(value)).write(to: URL(filePath: path))
        say("\nwritten to \(path)")
    }
}

extension Double {
    /// With as many digits as a table needs.
    var short: String {
        switch abs(self) {
        case 0: "0"
        case ..<0.01: String(format: "%.1e", self)
        case ..<10: String(format: "%.2f", self)
        case ..<100: String(format: "%.1f", self)
        default: String(format: "%.0f", self)
        }
    }

    /// A time in seconds, as 1.2 s, 34.5 ms, 67.8 us.
    var asTime: String {
        switch self {
        case 1...: "\(short) s"
        case 1e-3...: "\((self * 1e3).short) ms"
        default: "\((self * 1e6).short) us"
        }
    }
}

extension [Double] {
    /// 0 of nothing.
    var median: Double {
        guard !isEmpty else { return 0 }
        let ordered = sorted()
        return (ordered[(count - 1) / 2] + ordered[count / 2]) / 2
    }
}

/// Rows under a heading, columns as wide as they need; the first is aligned left.
struct Table {
    private var rows: [[String]]

    init(_ heading: [String]) { rows = [heading] }

    mutating func add(_ row: [String]) { rows.append(row) }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + padding : padding + cell.0
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
