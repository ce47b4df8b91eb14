public import ControlAPI
import Dispatch
import DurableFiles
import Foundation
import Glibc
import JobQueue
public import JobSpec
import Logging
public import Problems
import Spool

/// How jobs come in: by `incoming/` and by the socket, through the same steps (see `JobDirectories`).
extension Scheduler {
    /// Drops accepted in one turn; the rest waits for the next, so that requests are answered in between.
    private static let dropsPerTurn = 64

    var layout: SpoolLayout { SpoolLayout(root: settings.spool) }

    func directories() throws -> JobDirectories {
        JobDirectories(
            layout, try PathPolicy(spool: settings.spool, allowedPaths: settings.allowedPaths, in: files), in: files)
    }

    func prepareSpool() throws {
        try layout.prepare(in: files)
        let wakeup = wakeup
        watch = try IncomingWatch(layout.incoming) { [hint] in
            hint.give()
            wakeup.yield()
        }
    }

    // MARK: - incoming/

    /// Looks into `incoming/` when something hints at a change or it is time.
    func takeIn() {
        let now = machine.uptime()
        guard hint.take() || now >= nextScan else { return }
        nextScan = now + Self.scanInterval
        guard !state.isStopping, !state.isDiskFull else { return }
        attempt("look into \(layout.incoming)") {
            try watch?.renew()
            let scan = try incoming.scan(at: now)
            if let next = scan.nextLook { nextScan = min(nextScan, next) }
            for trouble in scan.troubles { logger.warning("in incoming/: \(trouble)") }
            for drop in scan.drops.prefix(Self.dropsPerTurn) {
                attempt("take in \(drop.name)") { try take(drop) }
            }
            if scan.drops.count > Self.dropsPerTurn {
                nextScan = now
                wakeup.yield()
            } else if scan.nextLook == nil {
                // Whatever still lay there has been taken: what is half accepted now has no drop any more.
                settleHalfAccepted()
            }
        }
    }

    private func take(_ drop: Drop) throws {
        guard case .job(let spec, let request) = drop.content else {
            if case .refused(let problems) = drop.content { try reject(drop, problems) }
            return
        }
        let file = drop.isDirectory ? "\(drop.name)/job.json" : drop.name
        let directories = try directories()
        let reservation = try store.reserve(drop: drop.token)
        if !reservation.isPublished {
            do {
                let owner = Self.userName(drop.owner)
                let resolved = try directories.resolveInputs(
                    of: spec, file: file, drop: drop.isDirectory ? drop.name : nil, owner: owner)
                let predecessors = try predecessors(of: resolved, file: file)
                let acceptance = Acceptance(
                    id: reservation.id, submittedAt: machine.now(), owner: owner, token: drop.token)
                let directory = try directories.prepare(
                    resolved, request: request, acceptance: acceptance, drop: drop.isDirectory ? drop.name : nil)
                try publish(try JobRecord(resolved, acceptance, directory: directory, waitsFor: predecessors))
            } catch let problems as Problems {
                try store.abandon(reservation.id)
                return try reject(drop, problems)
            }
        }
        try directories.removeDrop(drop.name, token: drop.token)
        try store.forget(drop: drop.token)
    }

    private func reject(_ drop: Drop, _ problems: Problems) throws {
        let receipt: String
        do {
            receipt = try layout.reject(drop.name, problems, at: machine.now(), in: files)
        } catch let problem as Problem where problem.code == .denied {
            // It stays where it is, with its receipt; it would be refused at each look.
            incoming.setAside(drop.name)
            throw problem
        }
        counters.rejected += 1
        logger.log(
            level: StateChange.rejected.level, "rejected \(drop.name): \(problems.all.count) problems, see \(receipt)",
            metadata: ["message_id": "\(StateChange.rejected.messageID)"])
    }

    /// Ids of the jobs that `after` names. Throws a problem for each that does not exist.
    private func predecessors(of spec: JobSpec, file: String) throws -> Set<Int> {
        var ids: Set<Int> = []
        var problems: [Problem] = []
        for (index, predecessor) in spec.common.after.enumerated() {
            if let job = try store.job(predecessor) {
                ids.insert(job.id)
            } else {
                problems.append(
                    Problem(
                        .missing, "there is no job \(predecessor)",
                        remedy: "Name a job that has been accepted (diffctl list).",
                        file: file, path: "$.after[\(index)]"))
            }
        }
        if !problems.isEmpty { throw Problems(problems) }
        return ids
    }

    /// Makes a job whose directory is there visible, and puts it into the queue.
    ///
    /// - Parameter forgetsDrop: whether there is no drop that has yet to be removed.
    private func publish(_ job: JobRecord, forgetsDrop: Bool = false) throws {
        var ended: [Int: Ending] = [:]
        for id in job.waitsFor where state.jobs[id] == nil {
            if case .ended(let ending, _)? = try store.job(id)?.phase { ended[id] = ending }
        }
        try apply(.accepted(job, ended: ended)) { [store] jobs throws(Problem) in
            guard let accepted = jobs.first(where: { $0.id == job.id }) else { return }
            try store.publish(accepted, with: jobs, forgetsDrop: forgetsDrop)
        }
        counters.accepted += 1
    }

    // MARK: - Recovery

    /// Finishes or undoes what a crash has left between the first and the last step of an accept. Called when the drops that
    /// are still there have been taken.
    private func settleHalfAccepted() {
        guard !halfAccepted.isEmpty else { return }
        attempt("finish what was half accepted") {
            let names = try layout.jobDirectories(in: files)
            let open = try store.halfAccepted()
            for reservation in open where halfAccepted.contains(reservation.id) {
                if reservation.isPublished {
                    try store.forget(drop: reservation.drop)
                } else if let directory = names[reservation.id] {
                    try publish(recordOf(directory, id: reservation.id), forgetsDrop: true)
                } else {
                    try store.abandon(reservation.id)
                }
                halfAccepted.remove(reservation.id)
            }
            halfAccepted = []
        }
    }

    /// The job of a directory; held when the directory does not tell it.
    func recordOf(_ directory: String, id: Int) -> JobRecord {
        do {
            let (spec, acceptance) = try directories().read(directory)
            let predecessors = try predecessors(of: spec, file: directory)
            return try JobRecord(spec, acceptance, directory: directory, waitsFor: predecessors)
        } catch {
            let problem = Problem(error)
            let name = SpoolLayout.job(fromDirectoryName: directory)?.name ?? directory
            var job = JobRecord(
                id: id, name: name, kind: .train, directory: directory, submittedAt: machine.now(),
                phase: .held(Hold(.broken, problem.message)))
            job.error = problem
            return job
        }
    }

    // MARK: - The socket

    public nonisolated func submit(_ submission: Submission, by caller: Caller) async throws(Problems) -> JobStatus {
        do {
            let file = submission.suggestedName + ".json"
            let spec = try JobSpec.decode(submission.bytes, fileName: file)
            let directories = try await self.directories()
            let resolved = try directories.resolveInputs(of: spec, file: file, owner: caller.ownerName)
            let (acceptance, predecessors) = try await admit(resolved, file: file, owner: caller.ownerName)
            let directory = try await Self.waitingForDisk(acceptance.id) {
                try directories.prepare(resolved, request: submission.bytes, acceptance: acceptance)
            }
            return try await complete(
                JobRecord(resolved, acceptance, directory: directory, waitsFor: predecessors), acceptance)
        } catch let problems as Problems {
            throw problems
        } catch {
            throw Problems([Problem(error)])
        }
    }

    /// Threads that may wait for the disk, outside the actor and its few threads: as many submissions are written at the same time.
    private static let diskQueues = (0..<8).map { DispatchQueue(label: "disk \($0)") }

    private nonisolated static func waitingForDisk<Value: Sendable>(
        _ id: Int, _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            diskQueues[id % diskQueues.count].async { continuation.resume(with: Result(catching: work)) }
        }
    }

    private func admit(_ spec: JobSpec, file: String, owner: String) throws -> (Acceptance, Set<Int>) {
        guard !state.isDiskFull else {
            throw Problem(
                .diskFull, "no job is accepted while the disk is full", remedy: "Make space, then submit it again.")
        }
        guard !state.isStopping, hasRecovered else {
            throw Problem(
                .unavailable, "the daemon is starting or stopping", remedy: "Submit the job again in a moment.")
        }
        let predecessors = try predecessors(of: spec, file: file)
        let token = "socket:\(UUID().uuidString)"
        let id = try store.reserve(drop: token, isDurable: false).id
        return (Acceptance(id: id, submittedAt: machine.now(), owner: owner, token: token), predecessors)
    }

    private func complete(_ job: JobRecord, _ acceptance: Acceptance) throws -> JobStatus {
        try publish(job, forgetsDrop: true)
        wakeup.yield()
        return status(of: state.jobs[job.id] ?? job)
    }

    private static func userName(_ uid: UInt32) -> String {
        var buffer = [CChar](repeating: 0, count: 1 << 14)
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return String(uid) }
        return String(cString: entry.pw_name)
    }
}

extension JobRecord {
    /// A job as it is accepted.
    init(_ spec: JobSpec, _ acceptance: Acceptance, directory: String, waitsFor: Set<Int>) throws {
        let common = spec.common
        self.init(
            id: acceptance.id, name: spec.name, kind: spec.kind, owner: acceptance.owner, directory: directory,
            priority: common.priority, waitsFor: waitsFor, notBefore: common.notBefore,
            timeLimit: common.timeLimit.map(Double.init), retries: common.retries, threads: common.resources.threads,
            memory: common.resources.memory, submittedAt: acceptance.submittedAt, workload: try Workload(spec),
            phase: common.hold ? .held(Hold(.requested, "held by its job file")) : .queued(after: nil))
    }
}
