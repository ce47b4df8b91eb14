import ControlAPI
import ControlServer
import Foundation
import Glibc
import JobQueue
import Logging
import Problems
import Scheduler
import Service
import ServiceLifecycle
import Spool
import Synchronization
import UnixSignals

/// The parts of the daemon, put together.
struct Daemon {
    private let configuration: DaemonConfiguration
    private let read: @Sendable () throws(Problems) -> DaemonConfiguration
    private let environment: [String: String]
    private let logger: Logger
    private let manager = ServiceManager()

    init(
        _ configuration: DaemonConfiguration, read: @escaping @Sendable () throws(Problems) -> DaemonConfiguration,
        environment: [String: String], logger: Logger
    ) {
        self.configuration = configuration
        self.read = read
        self.environment = environment
        self.logger = logger
    }

    /// Runs until SIGTERM or SIGINT.
    ///
    /// Order matters: the spool is locked and recovered before the socket answers, and systemd hears READY=1 once it does. At
    /// the end the scheduler stops first, so that clients can see the workers checkpoint.
    func run() async throws {
        // systemd's variables go before anything could pass them on.
        let inherited = try manager.inheritedSocket()
        let settings = try SchedulerSettings(configuration)
        let scheduler = try makeScheduler(settings)
        let permissions = try permissions()
        manager.status("recovering")
        try await ProcessThreads.prepare(by: settings.worker, logger)
        try await scheduler.recover()
        Heap.giveBack()
        let socket = try inherited.map { try ListeningSocket(inherited: $0) } ?? makeSocket()
        let server = ControlServer(
            service: scheduler, socket: socket,
            permissions: permissions, logger: logger,
            onListening: { [manager, logger, configuration] in
                manager.ready()
                logger.notice("ready: spool \(configuration.spool), socket \(configuration.socket)")
            })
        let reload = reloadOnHangup(scheduler)
        defer { reload.cancel() }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: server, failureTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: scheduler, successTerminationBehavior: .gracefullyShutdownGroup),
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(logger)))
        try await group.run()
        logger.notice("stopped")
    }

    /// The service group tells of its own steps at debug level; only its troubles are of interest here.
    private func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    private func makeScheduler(_ settings: SchedulerSettings) throws -> Scheduler {
        let garbage = Garbage()
        let hooks = SchedulerHooks(
            turned: { [manager] status in
                manager.status(status)
                manager.watchdog()
                garbage.giveBackSoon()
            },
            stopping: { [manager] in
                manager.stopping()
                // The turns go on until the last worker is gone, and each asks anew.
                manager.extendTimeout(seconds: 60)
            },
            // A turn may take a while: there is time for a second one.
            longestPause: manager.watchdogInterval.map { $0 / 3 } ?? .infinity)
        return try Scheduler(
            settings: settings, machine: .real(environment: environment, controlGroup: manager.delegatedControlGroup()),
            hooks: hooks, logger: logger,
            reread: { [read] in try SchedulerSettings(read()) })
    }

    private func permissions() throws -> Permissions {
        let name = configuration.operators
        let operators = getgrnam(name)?.pointee.gr_gid
        // That of all may be missing, as where somebody just tries diffd.
        guard operators != nil || name == DaemonConfiguration.group else {
            throw Problem(
                .invalid, "operators names a group that does not exist: \(name)",
                remedy: "Make it (groupadd --system \(name)), or name another.")
        }
        return Permissions(
            daemonUser: geteuid(), group: getgrnam(DaemonConfiguration.group)?.pointee.gr_gid, operators: operators)
    }

    private func makeSocket() throws -> ListeningSocket {
        let directory = URL(fileURLWithPath: configuration.socket).deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        } catch {
            throw Problem(
                .denied, "the directory of the socket cannot be made",
                remedy: "Make it, or name another with --socket.",
                file: directory.path, cause: error.systemReason)
        }
        return try ListeningSocket(path: configuration.socket)
    }

    /// SIGHUP, the old way to ask for a reload.
    private func reloadOnHangup(_ scheduler: Scheduler) -> any DispatchSourceSignal {
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP)
        let logger = logger
        source.setEventHandler {
            Task {
                let caller = Caller(uid: geteuid(), gid: getegid(), pid: getpid(), user: "SIGHUP", groups: [])
                do {
                    try await scheduler.control(.reload, by: caller)
                } catch {
                    logger.error("the configuration was not read again: \(error)")
                }
            }
        }
        source.activate()
        return source
    }
}

extension SchedulerSettings {
    init(_ configuration: DaemonConfiguration) throws(Problem) {
        let policy = QueuePolicy(
            maxWorkers: configuration.maxWorkers,
            threads: configuration.threads ?? ProcessInfo.processInfo.activeProcessorCount,
            memory: configuration.memory,
            killWait: configuration.killWait, checkpointWait: configuration.checkpointWait,
            crashLimit: configuration.crashLimit, retryBackoff: configuration.retryBackoff,
            starvationLimit: configuration.starvationLimit, preempt: configuration.preempt)
        self.init(
            spool: configuration.spool, stateDirectory: configuration.stateDirectory,
            worker: try WorkerProgram.path(named: configuration.worker), allowedPaths: configuration.allowedPaths,
            minFreeDisk: configuration.minFreeDisk, policy: policy, intake: IntakeTimes(configuration))
        placeFaults = configuration.placeFaults().reduce(into: [:]) { $0[$1.file ?? $1.message] = $1 }
    }
}

extension IntakeTimes {
    init(_ configuration: DaemonConfiguration) {
        self.init()
        directoryQuiet = .seconds(configuration.directoryQuiet)
        limit = .seconds(configuration.directoryLimit)
    }
}

/// What large answers and many submissions took of the heap: it is given back once for all turns of a second.
private final class Garbage: Sendable {
    private let isDue = Atomic(false)

    func giveBackSoon() {
        guard !isDue.exchange(true, ordering: .relaxed) else { return }
        Task {
            // Only a cancellation throws, and then it is done early.
            try? await Task.sleep(for: .seconds(1))
            isDue.store(false, ordering: .relaxed)
            Heap.giveBack()
        }
    }
}
