import ControlAPI
public import DurableFiles
import Foundation
import Glibc
import JobQueue
import JobSpec
public import Logging
import Problems
public import ServiceLifecycle
import Spool

/// Owns the queue, the spool and the workers.
///
/// Everything that happens becomes an event of the pure `QueueState`; its transition is committed to the store, then told to
/// readers, then carried out. The daemon may die between any two of these: the store is the truth, `recover` finds out the
/// rest, and a worker is known by the lock on its job's directory.
public actor Scheduler: Service {
    let machine: Machine
    let hooks: SchedulerHooks
    let logger: Logger
    let files: any FileSystem
    /// Reads the settings again.
    let reread: @Sendable () async throws -> SchedulerSettings

    var settings: SchedulerSettings
    var state: QueueState
    let store: QueueStore
    /// Of the workers; nil where none can be made.
    var groups: ControlGroups?
    /// Of the whole spool, and of the store wherever it lies: no second daemon works on either.
    let spoolLock: FileLock
    let storeLock: FileLock
    let reserve: SpaceReserve
    /// Seconds by which the system's clock is ahead of the time since the machine's start.
    var clockOffset: Double?
    let startedAt: Date

    /// The processes of running attempts, by job.
    var workers: [Int: Worker] = [:]
    /// Attempts that are over and not yet in the store.
    var endings: [(job: Int, attempt: Int, end: AttemptEnd)] = []
    /// How far the attempts under way have come.
    var progress: [Int: JobProgress] = [:]
    /// Seconds that a step of each workload takes.
    var rates: [String: Double] = [:]
    /// Until something changes.
    var forecast: Forecast?
    /// Jobs of which `status.json` is out of date because it could not be written.
    var stale: Set<Int> = []
    /// Trainings that succeeded and whose model has no link yet.
    var unlinked: Set<Int> = []
    /// The wait reasons that `status.json` shows.
    var shownReasons: [Int: WaitReason] = [:]
    /// When the reasons are looked at again, and whether there may be some that readers do not know yet.
    var nextReasons = Duration.zero
    var owesReasons = false
    var hub: EventHub
    var counters = Counters()
    var hasRecovered = false
    /// Asked to shut down.
    private var isEnding = false
    var nextScan = Duration.zero
    /// Nil until the spool is prepared.
    var incoming: Mutexed<Incoming>?
    /// The look into `incoming/` that is under way.
    package var intake: Task<Void, Never>?
    /// Looks at `models/`, and the look that is under way.
    let modelsThread = DiskThread("models")
    var modelsLook: Task<Result<[ModelSummary], any Error>, Never>?
    /// Looks into `incoming/` and at inputs.
    let disk = DiskThread("intake")
    /// What cannot be used in the spool at this time, by name; and which of it are entries of `incoming/`.
    var troubles: [String: Problem] = [:]
    var stuck: Set<String> = []
    /// Drops that were refused, the oldest first.
    var rejections: [Rejection] = []
    /// Dropped directories that were taken in of late, the oldest first.
    var taken: [(name: String, job: Int, since: Duration)] = []
    /// Whether something may have happened in `incoming/` since the last look.
    let hint = Hint()
    /// Ids whose acceptance an earlier daemon has begun.
    var halfAccepted: Set<Int> = []
    var watch: IncomingWatch?

    /// Wakes the loop up.
    private var alarm: (task: Task<Void, Never>, due: Duration)?
    let wakeups: AsyncStream<Void>
    let wakeup: AsyncStream<Void>.Continuation

    /// Seconds between two looks at the spool when nothing hints at a change.
    static let scanInterval = Duration.seconds(10)
    /// Seconds between two looks at running workers.
    static let workerInterval = 1.0

    /// Since the daemon started.
    struct Counters {
        var accepted = 0
        var rejected = 0
        var attempts = 0
        var crashes = 0
    }

    /// Takes the spool and opens the store. Nothing runs before `run`.
    ///
    /// Throws code `unavailable` when another daemon has the spool, and what `QueueStore` throws.
    public init(
        settings: SchedulerSettings, machine: Machine, hooks: SchedulerHooks = SchedulerHooks(), logger: Logger,
        files: any FileSystem = PosixFileSystem(), reread: (@Sendable () async throws -> SchedulerSettings)? = nil
    ) throws {
        try files.createDirectoriesDurably(settings.spool, mode: 0o770)
        // Who can open the store can lock it.
        try files.createDirectoriesDurably(settings.stateDirectory, mode: 0o700)
        try SpoolLayout(root: settings.spool).requireTrusted(settings.stateDirectory, in: files)
        spoolLock = try Self.lock(
            settings.spool + "/.diffd.lock", "another diffd works on the spool \(settings.spool)", logger)
        storeLock = try Self.lock(
            settings.stateDirectory + "/store.lock", "another diffd uses the store in \(settings.stateDirectory)",
            logger)
        reserve = SpaceReserve(settings.stateDirectory)
        store = try Self.openStore(settings.stateDirectory + "/queue.sqlite", reserve, logger)
        state = QueueState(policy: settings.policy)
        self.settings = settings
        self.machine = machine
        self.hooks = hooks
        self.logger = logger
        self.files = files
        self.reread = reread ?? { settings }
        startedAt = machine.now()
        hub = EventHub(startedAt: startedAt)
        (wakeups, wakeup) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    private static func lock(_ path: String, _ taken: String, _ logger: Logger) throws -> FileLock {
        guard let lock = try FileLock.acquire(path) else {
            throw Problem(
                .unavailable, taken, remedy: "Stop it first, or give this one another spool and state_directory.")
        }
        do {
            try lock.identify(Array("\(ProcessInfo.processInfo.processIdentifier)\n".utf8))
        } catch {
            // It is held all the same.
            logger.warning("\(path) does not say who holds it: \(error)")
        }
        return lock
    }

    private static func openStore(_ path: String, _ reserve: SpaceReserve, _ logger: Logger) throws -> QueueStore {
        do {
            return try QueueStore(path: path)
        } catch let problem where problem.code == .diskFull {
            guard try reserve.release() else { throw problem }
            logger.warning("there is no space left for the store: the reserve beside it is given up")
            return try QueueStore(path: path)
        }
    }

    // MARK: - The loop

    /// Schedules until it is shut down: then the workers are asked to checkpoint and awaited. A cancelled task returns at once
    /// and leaves the workers to the next daemon.
    public func run() async throws {
        try recover()
        let wake = wakeup
        try await withGracefulShutdownHandler {
            try await turnAround()
        } onGracefulShutdown: {
            Task { await self.stop() }
            wake.yield()
        }
    }

    private func turnAround() async throws {
        wakeup.yield()
        defer {
            alarm?.task.cancel()
            // What it is about can be done again by the next daemon.
            intake?.cancel()
        }
        // Ends when the task is cancelled.
        for await _ in wakeups {
            try turn()
            if state.isStopping && workers.isEmpty && endings.isEmpty { break }
            setAlarm()
        }
        hub.finish()
    }

    /// Sees to it that the loop wakes up in time. An alarm that comes early enough stays: a sleep that is cancelled holds its memory until
    /// it would have ended, and there are hundreds of turns a second.
    private func setAlarm() {
        let pause = pause
        let due = machine.uptime() + .seconds(pause)
        if let alarm, alarm.due <= due { return }
        alarm?.task.cancel()
        let task = Task {
            await machine.sleep(pause)
            guard !Task.isCancelled else { return }
            alarm = nil
            wakeup.yield()
        }
        alarm = (task, due)
    }

    /// Seconds until something may have to be done without anybody saying so.
    private var pause: Double {
        let now = machine.now()
        let regular =
            workers.isEmpty && endings.isEmpty && stale.isEmpty && !owesReasons
            ? Double(Self.scanInterval.components.seconds) : Self.workerInterval
        let deadline = state.nextDeadline(after: now)?.timeIntervalSince(now) ?? regular
        let scan = (nextScan - machine.uptime()) / .seconds(1)
        return max(0.01, min(regular, deadline, scan, hooks.longestPause))
    }

    /// One look at everything. Throws only when the store has become unusable.
    package func turn() throws {
        followClock()
        recordEndings()
        checkDisk()
        if isEnding, !state.isStopping || state.runningJobs.contains(where: { $0.run?.stop == nil }) {
            attempt("stop the workers") { try apply(.stopping) }
        }
        attempt("look after the queue") { try apply(.tick) }
        watchWorkers()
        noteLateInputs()
        takeIn()
        tellReaders()
        if let fatal { throw fatal }
        hooks.turned(summary)
        if state.isStopping { hooks.stopping() }
    }

    /// Begins the end: no attempt starts, the running ones are asked to checkpoint.
    private func stop() {
        guard !isEnding else { return }
        isEnding = true
        logger.notice("stopping: \(workers.count) workers are asked to checkpoint")
        hooks.stopping()
        wakeup.yield()
    }

    // MARK: - Events

    /// The store could not be read back after a failed write: going on would be guessing.
    private(set) var fatal: Problem?

    /// Lets `event` happen: state, store, readers, effects, in this order.
    func apply(_ event: QueueEvent, save: (([JobRecord]) throws(Problem) -> Void)? = nil) throws(Problem) {
        followClock()
        let transition = try state.apply(event, at: machine.now())
        forecast = nil
        do {
            if let save { try save(transition.saved) } else { try store.save(transition.saved) }
        } catch {
            reload()
            throw error
        }
        for job in transition.saved { announce(job) }
        for effect in transition.effects { carryOut(effect) }
    }

    /// Goes back to what the store knows, after a transition that could not be committed.
    private func reload() {
        do {
            state = QueueState(
                try store.activeJobs(), policy: settings.policy, isDraining: state.isDraining,
                isDiskFull: state.isDiskFull,
                isStopping: state.isStopping)
        } catch {
            fatal = error
        }
    }

    /// Does what may fail for reasons of the machine, and says so when it does.
    func attempt(_ what: String, _ body: () throws -> Void) {
        do {
            try body()
        } catch {
            logger.error("cannot \(what): \(error)")
        }
    }

    private func carryOut(_ effect: Effect) {
        switch effect {
        case .start(let job, let attempt, let threads): startWorker(job, attempt: attempt, threads: threads)
        case .terminate(let job, let attempt): signal(job, attempt: attempt, SIGTERM)
        case .kill(let job, let attempt): signal(job, attempt: attempt, SIGKILL)
        }
    }

    /// Stops and starts admission as space goes and comes.
    func checkDisk() {
        attempt("find out how full the disk is") {
            let full = try machine.freeSpace(settings.spool) < settings.minFreeDisk
            guard full != state.isDiskFull else { return }
            if full {
                logger.error("the disk is full: nothing is accepted or started until there is space")
            } else {
                logger.notice("there is space again")
                // What was dropped meanwhile lies there still.
                hint.give()
            }
            try apply(.diskFull(full))
            if !full { keepReserve() }
        }
    }

    /// A stop of admission by a full disk has to be survived first.
    func keepReserve() { attempt("set space apart for the store") { try reserve.fill() } }

    /// One line about what goes on, for `systemctl status`.
    private var summary: String {
        let running = state.runningJobs.map { job in
            let share = progress[job.id].map { " \(Int(saturating: $0.fraction * 100)) %" } ?? ""
            return "\(job.id) \(job.name)\(share)"
        }
        let waiting = state.jobs.count - running.count
        let condition =
            state.isStopping ? "stopping; " : state.isDraining ? "drained; " : state.isDiskFull ? "disk full; " : ""
        return condition + (running.isEmpty ? "idle" : "running " + running.joined(separator: ", "))
            + "; \(waiting) waiting"
    }
}
