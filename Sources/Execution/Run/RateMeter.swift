/// How fast steps are taken: the rate of about the last half minute.
struct RateMeter {
    private var marks: [(time: ContinuousClock.Instant, step: Int)]
    private let clock = ContinuousClock()
    private static let window = Duration.seconds(30)

    init(step: Int) { marks = [(clock.now, step)] }

    /// Notes that `step` steps are done, and returns steps per second; nil until time has passed.
    mutating func note(step: Int) -> Double? {
        let now = clock.now
        // One mark a second is enough.
        if marks.count < 2 || marks[marks.count - 2].time.duration(to: now) >= .seconds(1) {
            marks.append((now, step))
        } else {
            marks[marks.count - 1] = (now, step)
        }
        while marks.count > 2, marks[1].time.duration(to: now) > Self.window { marks.removeFirst() }
        let seconds = marks[0].time.duration(to: now) / .seconds(1)
        guard seconds > 0, step > marks[0].step else { return nil }
        return Double(step - marks[0].step) / seconds
    }
}
