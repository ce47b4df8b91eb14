/// When the frames of a video are shown, in microseconds from the first.
public struct FrameTimes: Sendable, Hashable {
    /// Of each frame, in ascending order; the first is 0.
    public private(set) var starts: [Int]
    /// When the last frame ends.
    public private(set) var end: Int

    static let second = 1_000_000
    /// Containers round times to thousandths of a second.
    private static let rounding = 1000

    /// - Parameters:
    ///   - times: of the frames on any clock; one before its predecessor counts as its predecessor's.
    ///   - lastDuration: of the last frame, as the file says; nil, or far from the others': as long as the usual one.
    public init(_ times: [Int], lastDuration: Int? = nil) {
        precondition(!times.isEmpty, "a video has frames")
        var (starts, latest) = ([Int](), times[0])
        for time in times {
            latest = max(latest, time)
            starts.append(latest - times[0])
        }
        self.starts = starts
        let usual = Self.usual(starts)
        let last = lastDuration.flatMap { $0 > 0 ? $0 : nil } ?? usual ?? Self.second / 8
        end = starts[starts.count - 1] + last
    }

    /// `count` frames of a constant rate.
    public init(count: Int, rate: FrameRate) {
        precondition(count > 0, "a video has frames")
        func time(_ frame: Int) -> Int {
            Int((Double(frame) * Double(Self.second) / rate.perSecond).rounded())
        }
        starts = (0..<count).map(time)
        end = time(count)
    }

    public var count: Int { starts.count }
    /// From the first frame to the end of the last.
    public var seconds: Double { Double(end) / Double(Self.second) }

    /// How long each frame is shown.
    public var durations: [Int] { zip(starts.dropFirst() + [end], starts).map { $0 - $1 } }

    /// The rate at which all frames lie within a container's rounding, the first of `candidates` or that of the usual
    /// duration; nil where frames last differently.
    func constantRate(_ candidates: [FrameRate]) -> FrameRate? {
        let usual = usualRate.map { [$0] } ?? []
        return (candidates + usual).first { rate in
            starts.enumerated().allSatisfy { frame, start in
                abs(Double(start) - Double(frame) * Double(Self.second) / rate.perSecond) <= Double(Self.rounding)
            }
        }
    }

    /// The rate of the median duration.
    public var usualRate: FrameRate? {
        Self.usual(starts).flatMap { FrameRate(perSecond: Double(Self.second) / Double($0)) }
    }

    /// The median of the durations that are no 0.
    private static func usual(_ starts: [Int]) -> Int? {
        let durations = zip(starts.dropFirst(), starts).map { $0 - $1 }.filter { $0 > 0 }.sorted()
        return durations.isEmpty ? nil : durations[durations.count / 2]
    }

    /// Which frames, about `seconds` times the rate, a video of a constant rate shows one after the other, as ffmpeg's
    /// filter fps chooses them: each frame begins at the nearest tick, and the last of those that begin at one is shown
    /// until the next begins.
    public func resampled(to rate: FrameRate) -> [Int] {
        func tick(_ time: Int) -> Int { Int((Double(time) * rate.perSecond / Double(Self.second)).rounded()) }
        var frames: [Int] = []
        for (frame, start) in starts.enumerated() {
            let next = frame + 1 < starts.count ? starts[frame + 1] : end
            let repeats = max(tick(next), tick(start)) - tick(start)
            frames += [Int](repeating: frame, count: repeats)
        }
        return frames.isEmpty ? [0] : frames
    }

    /// These frames, then `others`.
    public func followed(by others: FrameTimes) -> FrameTimes {
        var joined = self
        joined.starts += others.starts.map { end + $0 }
        joined.end = end + others.end
        return joined
    }
}
