import ArgumentParser
import Datasets
import Media
import Problems

struct RateClips: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how far the shapes of clips that were carried on are from where they should be.")

    @Argument(help: "The outputs of the video_extend jobs, in the order of the clips.") var directories: [String]
    @OptionGroup var clips: HeldOutClips
    @OptionGroup var rating: RatingOptions

    /// What counts as right: pixels from the true place in the last frame, and difference of the colour.
    private static let (nearest, likest) = (2.0, 0.05)

    func validate() throws {
        guard directories.count == clips.count else {
            throw ValidationError("\(directories.count) directories for \(clips.count) clips.")
        }
    }

    func run() throws {
        var (ends, colours, steps): ([Double], [Double], [Double]) = ([], [], [])
        var right = 0
        for (index, directory) in directories.enumerated() {
            let made = try (0..<clips.frames + clips.further).map { number in
                let digits = String(number)
                let name = String(repeating: "0", count: 5 - digits.count) + digits + ".png"
                return MovingShape(in: try ImageFile.read("\(directory)/frames/\(name)"))
            }
            let truth = clips.clip(index).map { MovingShape(in: $0) }
            guard let end = made.last ?? nil, let trueEnd = truth.last ?? nil else {
                ends.append(Double(clips.resolution))
                continue
            }
            let (place, colour) = (end.distance(to: trueEnd), end.colourDifference(to: trueEnd))
            ends.append(place)
            colours.append(colour)
            if place < Self.nearest, colour < Self.likest { right += 1 }
            for frame in clips.frames..<made.count {
                guard let a = made[frame - 1], let b = made[frame], let c = truth[frame - 1], let d = truth[frame]
                else {
                    continue
                }
                steps.append(abs(a.distance(to: b) - c.distance(to: d)))
            }
        }
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(values.count, 1)) }
        func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        let share = Double(right) / Double(clips.count)
        let middle = ends.sorted()[ends.count / 2]
        try rating.report(
            "clips: after \(clips.further) new frames the shape is \(rounded(mean(ends))) pixels from its place (median "
                + "\(rounded(middle)), worst \(rounded(ends.max() ?? 0))), its colour \(percent(mean(colours))) off, its steps "
                + "\(rounded(mean(steps))) pixels; \(percent(share)) are within \(Self.nearest) pixels and "
                + "\(percent(Self.likest)) of colour",
            share: share)
    }
}
