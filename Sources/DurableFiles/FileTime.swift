/// A time as a file system keeps it, of any year. There is no arithmetic on it: anybody may give his files any time.
public struct FileTime: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Since 1970.
    public var seconds: Int64
    /// From 0 to 999,999,999.
    public var nanoseconds: Int64

    public init(seconds: Int64, nanoseconds: Int64) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Seconds since 1970, rounded.
    public var secondsSince1970: Double { Double(seconds) + Double(nanoseconds) / 1e9 }

    public static func < (a: FileTime, b: FileTime) -> Bool { (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds) }

    public var description: String { "\(seconds).\(nanoseconds)" }
}
