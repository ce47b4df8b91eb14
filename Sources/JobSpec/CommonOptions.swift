public import Foundation
public import StrictJSON

/// The keys that every kind of job has.
public struct CommonOptions: Described, Hashable {
    /// Nil only before the file's name has filled it in.
    public var name: String?
    /// Higher is first.
    public var priority = 0
    /// Jobs that must succeed before.
    public var after: [JobReference] = []
    /// Enters the queue held.
    public var hold = false
    public var notBefore: Date?
    /// Seconds that it may run, all attempts together.
    public var timeLimit: Int?
    public var resources = ResourceOptions()
    public var seed: UInt64 = 0
    /// Further attempts after one that failed for a passing reason.
    public var retries = 2

    public init() {}

    /// Priorities lie within this distance of 0.
    public static let priorityLimit = 1_000_000

    public static let fields: [Field<Self>] = [
        Field(
            "name", \.name, .optional(JobName.form), "The job's name, and its model's; the file's name when left out."),
        Field("priority", \.priority, .integer(in: -priorityLimit...priorityLimit), "Higher is first."),
        Field(
            "after", \.after, .list(JobReference.form, count: 0...1000),
            "Jobs, by id or name, that must succeed before."
        ),
        Field("hold", \.hold, .boolean, "Enter the queue held, until released."),
        Field(
            "not_before", \.notBefore, .optional(Quantities.time),
            "Not to start before this time: as in RFC 3339, or local time such as \"2025-01-31 22:00\"."),
        Field(
            "time_limit", \.timeLimit, .optional(Quantities.duration),
            "How long it may run, all attempts together: seconds, or text such as \"90m\" or \"1d12h\"."),
        Field("resources", \.resources, .object, "What the job takes from the machine."),
        Field("seed", \.seed, .unsigned, "Seed of all random numbers of the job."),
        Field(
            "retries", \.retries, .integer(in: 0...100), "Further attempts after one that failed for a passing reason."),
    ]
}

/// The `resources` of a job.
public struct ResourceOptions: Described, Hashable {
    /// Nil: the share of one worker.
    public var threads: Int?
    /// Bytes; nil: no limit, and nothing is taken from the pool for it.
    public var memory: Int?

    public init() {}

    public static let fields: [Field<Self>] = [
        Field("threads", \.threads, .optional(.integer(in: 1...1024)), "Threads; null: the share of one worker."),
        Field(
            "memory", \.memory, .optional(Quantities.memory),
            "Memory that it may take: bytes, or text such as \"4GiB\" or \"1.5 GiB\"; null: no limit, and nothing of what jobs share is set apart for it."
        ),
    ]
}
