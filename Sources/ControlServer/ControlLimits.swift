import JobSpec

/// Bounds that keep one client from hurting the others.
public struct ControlLimits: Sendable, Hashable {
    /// Largest job file in bytes.
    public var jobFile = JobSpec.maximumFileSize
    /// Longest time for a request's body to arrive.
    public var bodyTimeout = Duration.seconds(30)
    /// A connection on which nothing is asked for so long is closed.
    public var idleTimeout = Duration.seconds(60)
    /// A client that takes nothing of its answer for so long is left.
    public var writeTimeout = Duration.seconds(30)
    /// Open connections in all, and of one user.
    public var connections = 256
    public var connectionsPerUser = 128
    /// Event streams and followed logs of one user.
    public var streamsPerUser = 64
    /// A silent event stream carries a comment this often, so that both ends notice a dead one.
    public var heartbeat = Duration.seconds(15)
    /// How often a followed log is looked at.
    public var logInterval = Duration.milliseconds(250)
    /// Size of all header fields of a request in bytes.
    public var headerBytes = 16 << 10
    /// What is asked when the daemon stops has so long to be answered.
    public var farewell = Duration.seconds(1)

    public init() {}
}
