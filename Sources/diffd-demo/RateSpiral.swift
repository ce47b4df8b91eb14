import ArgumentParser
import Datasets
import DurableFiles
import Problems

struct RateSpiral: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how many points lie on minidiffusion's spiral.")

    @Argument(help: "The points.csv of a sample job.") var file: String
    @OptionGroup var rating: RatingOptions

    func run() throws {
        let distances = try points().map { Spiral.distance(x: $0.x, y: $0.y) }
        func share(within limit: Double) -> Double {
            Double(distances.count { $0 <= limit }) / Double(distances.count)
        }
        try rating.report(
            "spiral: \(percent(share(within: 0.05))) of \(distances.count) points lie within 0.05 of the band, "
                + "\(percent(share(within: 0.1))) within 0.1",
            share: share(within: 0.05))
    }

    private func points() throws -> [(x: Double, y: Double)] {
        let text = String(decoding: try PosixFileSystem().read(file, limit: 1 << 24), as: UTF8.self)
        let points = try text.split(separator: "\n").enumerated().map { number, line in
            let values = line.split(separator: ",").compactMap { Double($0) }
            guard values.count == 2 else {
                throw Problem(.corrupt, "the line is not a point \"x,y\"", file: file, line: number + 1)
            }
            return (x: values[0], y: values[1])
        }
        guard !points.isEmpty else { throw Problem(.corrupt, "the file holds no points", file: file) }
        return points
    }
}
