import DurableFiles
import Foundation
import Glibc
import JobQueue
import JobSpec
import Logging
import Problems
import Spool
import Synchronization

/// How jobs come in by `incoming/`, through the same steps as those of the socket (see `JobDirectories`).
///
/// Looking, copying to disk and moving happen on a thread of their own; the scheduler only publishes what is ready.
extension Scheduler {
    /// So often is a drop tried that fails for a reason which may pass; then it is refused for that reason.
    private static let tries = 5

    var layout: SpoolLayout { SpoolLayout(root: settings.spool) }

    func directories() throws -> JobDirectories { try Self.directories(settings, files) }

    static func directories(_ settings: SchedulerSettings, _ files: any FileSystem) throws -> JobDirectories {
        JobDirectories(
            SpoolLayout(root: settings.spool),
            try PathPolicy(spool: settings.spool, allowedPaths: settings.allowedPaths, in: files), in: files)
    }

    func prepareSpool() throws {
        for problem in try layout.prepare(at: machine.now(), in: files) {
            note(problem.file ?? problem.message, problem)
        }
        noteAllowedPaths()
        let wakeup = wakeup
        do {
            watch = try IncomingWatch(layout.incoming, uptime: machine.uptime) { [hint] in
                hint.give()
                wakeup.yield()
            }
        } catch {
            // incoming/ is looked into from time to time.
            note("the watch", error)
        }
        incoming = Mutexed(Incoming(layout, times: settings.intake, watch: watch, in: files))
    }

    /// An allowed path that cannot be reached costs only the jobs that need it.
    func noteAllowedPaths() {
        for path in settings.allowedPaths { note(path, PathPolicy.fault(ofAllowed: path, in: files)) }
    }

    // MARK: - incoming/

    /// Begins a look into `incoming/` when something hints at a change or it is time, unless one is under way.
    func takeIn() {
        let now = machine.uptime()
        guard intake == nil, hint.take() || now >= nextScan else { return }
        nextScan = now + Self.scanInterval
        guard !state.isStopping, !state.isDiskFull else { return }
        intake = Task { await lookIn(at: now) }
    }

    private func lookIn(at now: Duration) async {
        defer {
            intake = nil
            wakeup.yield()
        }
        do {
            if let watch {
                do {
                    try watch.renew()
                    troubles["the watch"] = nil
                } catch { note("the watch", error) }
            }
            guard let incoming else { return }
            let (scan, tokens) = try await disk.run {
                try incoming.withLock { incoming in (try incoming.scan(at: now), incoming.tokens) }
            }
            troubles["incoming/"] = nil
            note(scan.troubles)
            if let next = scan.nextLook { nextScan = min(nextScan, next) }
            for drop in scan.drops {
                guard !Task.isCancelled, !state.isStopping, !state.isDiskFull else { return }
                await take(drop, incoming, at: now)
            }
            for name in scan.unreadable { await reject(name) }
            try await settleHalfAccepted(tokens)
        } catch {
            note("incoming/", Problem(error))
        }
    }

    /// What a look at a drop's job has led to.
    private enum Prepared: Sendable {
        case ready(JobRecord)
        /// An earlier daemon has got so far.
        case isPublished
        case refused(Problems)
        /// It names what is not there, and may be about to come.
        case lacks(Problems)
    }

    private func take(_ drop: Drop, _ incoming: Mutexed<Incoming>, at now: Duration) async {
        do {
            guard case .job(let spec, let request) = drop.content else {
                if case .refused(let problems) = drop.content { try await reject(drop, problems) }
                return
            }
            let (settings, store, files, watch) = (settings, store, files, watch)
            let time = machine.now()
            let prepared = try await disk.run {
                try Self.prepare(drop, spec, request, at: time, settings, store, watch, files)
            }
            switch prepared {
            case .refused(let problems): return try await reject(drop, problems)
            case .lacks(let problems):
                guard let next = incoming.withLock({ $0.wait(drop.name, at: now) }) else {
                    return try await reject(drop, problems)
                }
                nextScan = min(nextScan, next)
                return
            case .ready(let job):
                try publish(job)
                if let inputs = job.inputs { noteTaken(job, inputs, drop.name) }
            case .isPublished: break
            }
            try await disk.run {
                try Self.directories(settings, files).removeDrop(drop.name, token: drop.token)
                try store.forget(drop: drop.token)
            }
            note(drop.name, nil)
        } catch {
            await failed(drop, Problem(error), incoming, at: now)
        }
    }

    /// Everything up to the moment at which the job is in the queue.
    private static func prepare(
        _ drop: Drop, _ spec: JobSpec, _ request: [UInt8], at time: Date, _ settings: SchedulerSettings,
        _ store: QueueStore, _ watch: IncomingWatch?, _ files: any FileSystem
    ) throws -> Prepared {
        let file = drop.isDirectory ? "\(drop.name)/job.json" : drop.name
        let folder = drop.isDirectory ? drop.name : nil
        let earlier = try store.reservation(drop: drop.token)
        if earlier?.isPublished == true { return .isPublished }
        func giveUp() throws {
            if let earlier = try store.reservation(drop: drop.token) { try store.abandon(earlier.id) }
        }
        do {
            let directories = try directories(settings, files)
            let owner = userName(drop.owner)
            let resolved = try directories.resolveInputs(of: spec, file: file, drop: folder, owner: owner)
            let references = try References(settings, store, files).look(at: resolved, file: file)
            guard references.problems.isEmpty else {
                let problems = Problems(references.problems)
                if references.lacksOnly, earlier == nil { return .lacks(problems) }
                throw problems
            }
            let reservation = try store.reserve(drop: drop.token)
            let acceptance = Acceptance(
                id: reservation.id, submittedAt: time, owner: owner, token: drop.token, inputs: drop.inputs)
            // From here on it is seen whatever still comes.
            if drop.isDirectory { watch?.follow(drop.name, drop.directories) }
            let directory = try directories.prepare(
                resolved, request: request, acceptance: acceptance, drop: folder, seen: drop)
            if drop.isDirectory { watch?.taken(drop.name, by: reservation.id) }
            return .ready(try JobRecord(resolved, acceptance, directory: directory, waitsFor: references.waitsFor))
        } catch let problems as Problems {
            try giveUp()
            return .refused(problems)
        }
    }

    /// What failed for a reason of the machine is tried again later, and refused in the end, unless the reason is sure
    /// to pass.
    private func failed(_ drop: Drop, _ problem: Problem, _ incoming: Mutexed<Incoming>, at now: Duration) async {
        // It has changed, and is looked at anew.
        if problem.code == .unavailable, problem.file == drop.name { return }
        stuck.insert(drop.name)
        note(drop.name, problem)
        let isLasting = ![.diskFull, .outOfMemory, .unavailable].contains(problem.code)
        let failures = incoming.withLock { $0.failures(of: drop.name) }
        if isLasting, problem.code == .denied || failures >= Self.tries, case .job = drop.content {
            do {
                let (store, settings, files) = (store, settings, files)
                try await disk.run {
                    let reservation = try store.reserve(drop: drop.token)
                    guard !reservation.isPublished else { return }
                    let names = try SpoolLayout(root: settings.spool).jobDirectories(in: files)
                    if let name = names[reservation.id] { try Self.directories(settings, files).undo(name) }
                    try store.abandon(reservation.id)
                }
                return try await reject(drop, Problems([problem.inFile(drop.name)]))
            } catch {
                note(drop.name, Problem(error))
            }
        }
        incoming.withLock { $0.setAside(drop.name, because: problem, at: now) }
    }

    // MARK: - Refusing

    private func reject(_ drop: Drop, _ problems: Problems) async throws {
        let problems = withEarlierJob(drop, problems)
        let (layout, files, time) = (layout, files, machine.now())
        let job: String? = if case .job(let spec, _) = drop.content { spec.name } else { nil }
        let receipt = try await disk.run {
            try layout.reject(
                drop.name, problems, job: job, token: drop.token, inputs: drop.inputs, at: time, in: files)
        }
        tellRejected(receipt)
        note(drop.name, nil)
    }

    private func reject(_ name: DirectoryListing.Unreadable) async {
        do {
            let (layout, files, time) = (layout, files, machine.now())
            let receipt = try await disk.run { try layout.reject(name, at: time, in: files) }
            tellRejected(receipt)
            note(name.shown, nil)
        } catch {
            stuck.insert(name.shown)
            note(name.shown, Problem(error))
        }
    }

    // MARK: - Troubles

    /// What keeps something in the spool from being used, by its name; nil when nothing does any more. Told once.
    func note(_ name: String, _ problem: Problem?) {
        if let problem, troubles[name] != problem { logger.warning("\(name): \(problem)") }
        troubles[name] = problem
    }

    /// All entries of `incoming/` that cannot be taken in, in the place of those that could not before.
    private func note(_ entries: [String: Problem]) {
        for name in stuck where entries[name] == nil { note(name, nil) }
        for (name, problem) in entries { note(name, problem) }
        stuck = Set(entries.keys)
    }

    // MARK: - Publishing

    /// Makes a job whose directory is there visible, and puts it into the queue.
    ///
    /// - Parameter forgetsDrop: whether there is no drop that has yet to be removed.
    func publish(_ job: JobRecord, forgetsDrop: Bool = false) throws {
        var ended: [Int: Ending] = [:]
        for id in job.waitsFor where state.jobs[id] == nil {
            if case .ended(let ending, _)? = try store.job(id)?.phase { ended[id] = ending }
        }
        try apply(.accepted(job, ended: ended)) { [store] jobs throws(Problem) in
            guard let accepted = jobs.first(where: { $0.id == job.id }) else { return }
            try store.publish(accepted, with: jobs, forgetsDrop: forgetsDrop)
        }
        counters.accepted += 1
        noteThreads(job)
    }

    // MARK: - Recovery

    /// Finishes or undoes what a crash has left between the first and the last step of an accept, for drops that are
    /// not there any more.
    ///
    /// - Parameter tokens: of the drops that are.
    private func settleHalfAccepted(_ tokens: Set<String>) async throws {
        guard !halfAccepted.isEmpty else { return }
        let (store, settings, files) = (store, settings, files)
        let (open, names) = try await disk.run {
            (try store.halfAccepted(), try SpoolLayout(root: settings.spool).jobDirectories(in: files))
        }
        halfAccepted.formIntersection(open.map(\.id))
        for reservation in open where halfAccepted.contains(reservation.id) && !tokens.contains(reservation.drop) {
            let id = reservation.id
            if reservation.isPublished {
                try store.forgetDrop(of: id)
            } else if let directory = names[id] {
                let job = recordOf(directory, id: id)
                let directories = try directories()
                if job.error == nil, try !directories.isWhole(directory, inputs: job.inputs) {
                    // Its files were taken back before they had moved: it has never been a job.
                    try await disk.run { try directories.undo(directory) }
                    try store.abandon(id)
                    logger.notice("\(directory) is undone: what was dropped was taken back while it was taken in")
                } else {
                    try publish(job, forgetsDrop: true)
                }
            } else {
                try store.abandon(id)
            }
            halfAccepted.remove(id)
        }
    }

    /// The job of a directory; held when the directory does not tell it.
    func recordOf(_ directory: String, id: Int) -> JobRecord {
        do {
            let (spec, acceptance) = try directories().read(directory)
            let references = try References(settings, store, files).look(at: spec, file: directory)
            // A model that is gone is told when the job runs.
            let lost = references.problems.filter { $0.path?.hasPrefix("$.after") == true }
            guard lost.isEmpty else { throw Problems(lost) }
            return try JobRecord(spec, acceptance, directory: directory, waitsFor: references.waitsFor)
        } catch {
            let name = SpoolLayout.job(fromDirectoryName: directory)?.name ?? directory
            return JobRecord(
                unreadable: Problem(error), id: id, name: name, directory: directory, at: machine.now())
        }
    }

    private static func userName(_ uid: UInt32) -> String {
        var buffer = [CChar](repeating: 0, count: 1 << 14)
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return String(uid) }
        return String(cString: entry.pw_name)
    }
}

/// A value that several threads use in turn.
final class Mutexed<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func withLock<Result: Sendable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try value.withLock { (value) throws(Failure) in try body(&value) }
    }
}

extension JobRecord {
    init(_ spec: JobSpec, _ acceptance: Acceptance, directory: String, waitsFor: Set<Int>) throws {
        try self.init(
            spec, id: acceptance.id, owner: acceptance.owner, directory: directory,
            submittedAt: acceptance.submittedAt, inputs: acceptance.inputs, waitsFor: waitsFor)
    }
}
