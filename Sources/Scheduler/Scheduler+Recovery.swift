import DurableFiles
import Foundation
import JobQueue
import JobSpec
import Logging
import Problems
import Spool
import StrictJSON

/// What a start finds out: which workers of an earlier daemon still run, and whether store and directories agree.
extension Scheduler {
    /// Brings store, spool and workers into agreement. Does nothing the second time.
    ///
    /// Throws only when the store or the spool as a whole cannot be used: what is wrong with one job is held or logged.
    public func recover() throws {
        guard !hasRecovered else { return }
        takeControlGroup()
        let boot = try machine.bootID()
        let isSameBoot = try store.value(of: .bootID) == boot
        try prepareSpool()
        state = QueueState(
            try store.activeJobs(), policy: settings.policy, isDraining: try store.value(of: .draining) == "1",
            isRecovering: true)
        try recallClock(isSameBoot: isSameBoot)
        rates = try store.rates()
        recallRejections()
        halfAccepted = Set(try store.halfAccepted().map(\.id))
        try adoptDirectories()
        for job in state.jobs.values.sorted(by: { $0.id < $1.id }) { recover(job, isSameBoot: isSameBoot) }
        try apply(.recovered)
        for job in try store.unannouncedEndings() {
            if job.kind == .train, job.state == .succeeded { unlinked.insert(job.id) }
            announce(job)
        }
        if !isSameBoot { try store.set(.bootID, to: boot) }
        if try machine.freeSpace(settings.spool) >= settings.minFreeDisk { keepReserve() }
        hasRecovered = true
        removeUnusedGroups()
        logger.notice(
            "recovered: \(state.jobs.count.of("job")) that \(state.jobs.count == 1 ? "has" : "have") not ended, \(workers.count) with a running worker"
        )
    }

    private func recover(_ job: JobRecord, isSameBoot: Bool) {
        let directory = directory(of: job)
        // Whether it exists is all that is asked; what cannot be looked at cannot be worked in either.
        if job.run == nil, (try? files.status(directory)?.kind) != .directory {
            if case .held(let hold) = job.phase, hold.cause == .broken { return }
            let problem = Problem(
                .missing, "the job's directory is gone",
                remedy: "Cancel the job, or put the directory back and release it.",
                file: directory)
            return attempt("hold job \(job.id)") { try apply(.broken(job: job.id, problem)) }
        }
        guard job.run != nil else { return }
        if let holder = lockHolder(job) {
            workers[job.id] = Worker(attempt: job.attempt, pid: holder.pid, isAdopted: true)
            logger.notice("job \(job.id): attempt \(holder.attempt) still runs (pid \(holder.pid))")
            if holder.attempt != job.attempt { signal(job.id, attempt: job.attempt, SIGKILL) }
            return
        }
        var end = endOfAdopted(job)
        // The machine went down under the worker: not the job's doing.
        if case .crashed = end, !isSameBoot { end = .lost }
        finish(job.id, attempt: job.attempt, end)
    }

    /// Takes in job directories that the store does not know, as after the loss of the store: under their own ids, held unless
    /// they say that they had ended.
    private func adoptDirectories() throws {
        let known = try store.directories()
        for (id, name) in try layout.jobDirectories(in: files).sorted(by: { $0.key < $1.key }) where known[id] == nil {
            let job = foundJob(id, name)
            logger.warning("job \(id): found by its directory \(name); the store did not know it")
            try store.adopt(job)
            if !job.state.isFinal { try apply(.accepted(job, ended: [:])) }
        }
    }

    private func foundJob(_ id: Int, _ directory: String) -> JobRecord {
        let job = recordOf(directory, id: id)
        // How far it had come is told by a copy; without it the job is held all the same.
        return job.found((try? directories())?.status(directory), at: machine.now())
    }
}
