/// How long drops are waited for.
public struct IntakeTimes: Sendable, Hashable {
    /// For how long a file, or a directory that came by a rename, must not change before it is looked at.
    public var fileQuiet = Duration.milliseconds(500)
    /// For how long an incomplete file must not change before it is refused.
    public var filePatience = Duration.seconds(10)
    /// For how long nothing in a directory that grows in `incoming/` must change before it counts as complete. Where
    /// its files arrive
    /// further apart, `gapFactor` times the longest pause so far counts instead.
    public var directoryQuiet = Duration.seconds(10)
    /// For how long a job that names one which there is not waits for that to come. For what lies in `incoming/` already it
    /// waits up to `limit`.
    public var namePatience = Duration.seconds(10)
    /// What is not complete so long after it was first seen is refused.
    public var limit = Duration.seconds(86_400)

    static let gapFactor = 5
    /// A directory without a job.json is waited for so many times longer: it may be what is copied last.
    static let jobFileFactor = 3

    public init() {}
}
