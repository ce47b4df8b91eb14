public import Problems

/// What diffd can be told: the keys of `diffd.yaml`. Each is also an environment variable, `max_workers` as
/// `DIFFD_MAX_WORKERS`.
public enum DaemonSetting: String, Sendable, CaseIterable {
    case spool
    case socket
    case stateDirectory = "state_directory"
    case worker
    case logLevel = "log_level"
    case maxWorkers = "max_workers"
    case threads
    case memory
    case allowedPaths = "allowed_paths"
    case operators
    case minFreeDisk = "min_free_disk"
    case directoryQuiet = "directory_quiet"
    case directoryLimit = "directory_limit"
    case killWait = "kill_wait"
    case checkpointWait = "checkpoint_wait"
    case crashLimit = "crash_limit"
    case retryBackoff = "retry_backoff"
    case starvationLimit = "starvation_limit"
    case preempt
}

/// How much is told about the daemon's work; the levels of syslog that diffd uses.
public enum LogVerbosity: String, Sendable, CaseIterable {
    case error, warning, notice, info, debug, trace
}

/// The settings of a running daemon: flags over environment over `diffd.yaml` over what stands here.
public struct DaemonConfiguration: Sendable, Hashable {
    public var spool = "/var/spool/diffd"
    public var socket = "/run/diffd/diffd.sock"
    /// Where the queue's store lies; nil is `.diffd` in the spool.
    public var stateDirectory: String?
    /// Path of the worker program; nil looks beside diffd and in its libexec.
    public var worker: String?
    public var logLevel = LogVerbosity.info
    /// Workers at one time.
    public var maxWorkers = 1
    /// Threads of all workers together; nil is the number of processors.
    public var threads: Int?
    /// Bytes of memory of all workers together; nil takes no account of it.
    public var memory: Int?
    /// Directories outside the spool from which jobs may read.
    public var allowedPaths: [String] = []
    /// The group whose members may change every job.
    public var operators = group
    /// With less free space (bytes) where the spool lies, no job is accepted or started.
    public var minFreeDisk = 512 << 20
    /// Seconds for which nothing in a directory that grows in `incoming/` must change before it is taken in.
    public var directoryQuiet = 10.0
    /// Seconds after which what is still not complete in `incoming/` is refused.
    public var directoryLimit = 86_400.0
    /// Seconds between SIGTERM and SIGKILL for a job that is cancelled.
    public var killWait = 30.0
    /// The same for one that shall write a checkpoint.
    public var checkpointWait = 300.0
    /// Deaths of its workers after which a job is held.
    public var crashLimit = 3
    /// Seconds before the second attempt; doubled with each failure.
    public var retryBackoff = 5.0
    /// Seconds after which smaller jobs don't pass a waiting one any more.
    public var starvationLimit = 3600.0
    /// Whether jobs make running ones of lower priority give way.
    public var preempt = false

    /// The group whose members may submit jobs.
    public static let group = "diffd"

    /// The file that is read when none is named; it may be missing.
    public static let defaultFile = "/etc/diffd/diffd.yaml"

    public init() {}

    /// - Parameters:
    ///   - flags: settings from the command line, as text.
    ///   - environment: the process's environment.
    ///   - file: the file named by `--config`; nil looks at `DIFFD_CONFIG`, then for `defaultFile`.
    ///   - directory: what relative paths are relative to.
    ///
    /// Throws every problem at once; each names the file, variable or flag, and the key.
    public init(
        flags: [DaemonSetting: String] = [:], environment: [String: String], file: String? = nil, directory: String
    ) throws(Problems) {
        let named = file ?? environment["DIFFD_CONFIG"]
        var sources = [ConfigurationSource(flags: flags), ConfigurationSource(environment: environment)]
        if let source = try ConfigurationSource(file: named ?? Self.defaultFile, mayBeMissing: named == nil) {
            sources.append(source)
        }
        var reader = ConfigurationReader(sources: sources, directory: directory)
        self.init(&reader)
        if !reader.problems.isEmpty { throw Problems(reader.problems) }
    }

    private init(_ reader: inout ConfigurationReader) {
        let defaults = DaemonConfiguration()
        spool = reader.path(.spool) ?? reader.absolute(defaults.spool)
        socket = reader.path(.socket) ?? defaults.socket
        stateDirectory = reader.path(.stateDirectory)
        worker = reader.path(.worker)
        logLevel = reader.choice(.logLevel) ?? defaults.logLevel
        maxWorkers = reader.integer(.maxWorkers, in: 1...1024) ?? defaults.maxWorkers
        threads = reader.integer(.threads, in: 1...4096)
        memory = reader.bytes(.memory)
        allowedPaths = reader.paths(.allowedPaths) ?? defaults.allowedPaths
        operators = reader.name(.operators) ?? defaults.operators
        minFreeDisk = reader.bytes(.minFreeDisk) ?? defaults.minFreeDisk
        directoryQuiet = reader.seconds(.directoryQuiet) ?? defaults.directoryQuiet
        directoryLimit = reader.seconds(.directoryLimit) ?? defaults.directoryLimit
        killWait = reader.seconds(.killWait) ?? defaults.killWait
        checkpointWait = reader.seconds(.checkpointWait) ?? defaults.checkpointWait
        crashLimit = reader.integer(.crashLimit, in: 1...1000) ?? defaults.crashLimit
        retryBackoff = reader.seconds(.retryBackoff) ?? defaults.retryBackoff
        starvationLimit = reader.seconds(.starvationLimit) ?? defaults.starvationLimit
        preempt = reader.truth(.preempt) ?? defaults.preempt
    }
}
