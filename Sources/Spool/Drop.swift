public import JobSpec
public import Problems

/// Something in `incoming/` that is complete, or never will be.
public struct Drop: Sendable {
    public enum Content: Sendable {
        /// A job that can be accepted, and the bytes of its job file.
        case job(JobSpec, [UInt8])
        /// What is wrong with it; never empty.
        case refused(Problems)
    }

    /// Its name in `incoming/`.
    public var name: String
    public var isDirectory: Bool
    /// User id of its owner.
    public var owner: UInt32
    /// Which file it is, whatever its name: the same for the same drop after a crash, another for a later one while this one is
    /// there.
    public var token: String
    /// Of a directory: what is in it.
    public var inputs: TakenInputs?
    /// Of a directory: of all that is in it, names, sizes, times and rights. Means something to this process only.
    var fingerprint: Int
    /// Of a directory: those in it, itself included, as absolute paths.
    public var directories: [String] = []
    public var content: Content
}
