import DurableFiles
public import Foundation
import Glibc
public import JobQueue
public import Problems
public import Spool

/// Where the scheduler works and by which rules.
public struct SchedulerSettings: Sendable, Hashable {
    /// Absolute path of the spool.
    public var spool: String
    /// Where the store lies.
    public var stateDirectory: String
    /// Absolute path of `diffd-worker`.
    public var worker: String
    /// Directories outside the spool from which jobs may read.
    public var allowedPaths: [String]
    /// With fewer free bytes in the spool, nothing is accepted or started.
    public var minFreeDisk: Int
    public var policy: QueuePolicy
    /// How long drops are waited for.
    public var intake: IntakeTimes
    /// By path: what will keep the next start from using a place that the settings name.
    public var placeFaults: [String: Problem] = [:]

    public init(
        spool: String, stateDirectory: String? = nil, worker: String, allowedPaths: [String] = [], minFreeDisk: Int = 0,
        policy: QueuePolicy = QueuePolicy(), intake: IntakeTimes = IntakeTimes()
    ) {
        self.intake = intake
        self.spool = spool
        self.stateDirectory = stateDirectory ?? SpoolLayout(root: spool).state
        self.worker = worker
        self.allowedPaths = allowedPaths
        self.minFreeDisk = minFreeDisk
        self.policy = policy
    }
}

/// What the scheduler sees of the machine. Tests give it another one.
public struct Machine: Sendable {
    public var now: @Sendable () -> Date
    /// Time that never goes back.
    public var uptime: @Sendable () -> Duration
    /// Returns after that many seconds, or early when the task is cancelled.
    public var sleep: @Sendable (Double) async -> Void
    /// Free bytes for diffd where `path` lies.
    public var freeSpace: @Sendable (_ path: String) throws -> Int
    /// Differs from boot to boot.
    public var bootID: @Sendable () throws -> String
    /// Variables from which the workers' environment is taken.
    public var environment: [String: String]
    /// The directory of the control group that is ours to divide; nil when there is none.
    public var controlGroup: String?

    public init(
        now: @escaping @Sendable () -> Date, uptime: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Double) async -> Void,
        freeSpace: @escaping @Sendable (String) throws -> Int, bootID: @escaping @Sendable () throws -> String,
        environment: [String: String], controlGroup: String? = nil
    ) {
        self.now = now
        self.uptime = uptime
        self.sleep = sleep
        self.freeSpace = freeSpace
        self.bootID = bootID
        self.environment = environment
        self.controlGroup = controlGroup
    }

    /// The machine that we run on.
    public static func real(environment: [String: String], controlGroup: String?) -> Machine {
        Machine(
            now: { Date() },
            uptime: {
                var time = timespec()
                clock_gettime(CLOCK_BOOTTIME, &time)
                return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
            },
            // Only a cancellation throws, and that is an early return.
            sleep: { try? await Task.sleep(for: .seconds($0)) },
            freeSpace: { try DiskSpace(at: $0).free },
            bootID: {
                try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
                    .trimmingCharacters(in: .whitespacesAndNewlines)
            }, environment: environment, controlGroup: controlGroup)
    }
}

/// What the scheduler tells the rest of the daemon.
public struct SchedulerHooks: Sendable {
    /// After each turn of the loop, with one line about what goes on.
    public var turned: @Sendable (_ status: String) -> Void
    /// Once at the beginning of a stop, and after each turn until the last worker is gone.
    public var stopping: @Sendable () -> Void
    /// Seconds from one turn to the next at most: somebody waits for signs of life.
    public var longestPause: Double

    public init(
        turned: @escaping @Sendable (String) -> Void = { _ in }, stopping: @escaping @Sendable () -> Void = {},
        longestPause: Double = .infinity
    ) {
        self.longestPause = longestPause
        self.turned = turned
        self.stopping = stopping
    }
}
