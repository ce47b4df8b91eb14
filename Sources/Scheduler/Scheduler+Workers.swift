import ControlAPI
import DurableFiles
import Foundation
import Glibc
import JobQueue
import JobSpec
import Logging
import Problems
import Spool
import StrictJSON
import Subprocess

/// The process of an attempt.
struct Worker {
    let attempt: Int
    /// Nil until the process is there, and for an adopted worker until its lock's file tells it.
    var pid: Int32?
    /// Whether its end is seen by the lock alone: it was started by an earlier daemon, or left something running.
    var isAdopted: Bool
}

extension Scheduler {
    func directory(of job: JobRecord) -> String { "\(settings.spool)/jobs/\(job.directory)" }

    // MARK: - Starting

    /// Starts the worker of an attempt that is committed.
    func startWorker(_ id: Int, attempt: Int, threads: Int) {
        guard let job = state.jobs[id] else { return }
        counters.attempts += 1
        progress[id] = nil
        do {
            guard try files.exists("\(directory(of: job))/\(JobFiles.job)") else {
                let problem = Problem(
                    .missing, "the job's directory or its job.json is gone",
                    remedy: "Cancel the job, or put it back and release the job.", file: directory(of: job))
                return self.attempt("hold job \(id)") { try apply(.broken(job: id, problem)) }
            }
            if case .somebody = try FileLock.holder(lockPath(job)) {
                // The worker of an attempt that we took for dead: it goes, and this attempt waits for it.
                logger.warning("job \(id): an unknown worker holds its directory and is ended")
                workers[id] = Worker(attempt: attempt, pid: lockHolder(job)?.pid, isAdopted: true)
                return signal(id, attempt: attempt, SIGKILL)
            }
            // Of a later time, where the store was restored from before it.
            let result = "\(directory(of: job))/\(WorkerFiles.result(attempt: attempt))"
            if try files.exists(result) { try files.removeFile(result) }
        } catch {
            return finish(id, attempt: attempt, .notStarted(Problem(error)))
        }
        workers[id] = Worker(attempt: attempt, pid: nil, isAdopted: false)
        let command = WorkerCommand(
            settings: settings, environment: machine.environment, directory: directory(of: job), attempt: attempt,
            threads: threads, controlGroup: makeGroup(for: job, attempt: attempt, threads: threads))
        // Weak: a worker goes on when its daemon has gone.
        Task { [weak self] in
            await self?.checkInputs(of: job)
            do {
                let status = try await command.run { [weak self] pid in
                    await self?.workerStarted(id, attempt: attempt, pid: pid)
                }
                await self?.workerEnded(id, attempt: attempt, AttemptEnd(status))
            } catch {
                await self?.finish(id, attempt: attempt, .notStarted(Problem(error)))
            }
        }
    }

    private func workerStarted(_ id: Int, attempt: Int, pid: Int32) {
        guard workers[id]?.attempt == attempt else { return }
        workers[id]?.pid = pid
        // Asked to stop before there was a process to tell.
        if let stop = state.jobs[id]?.run?.stop { signal(id, attempt: attempt, stop.killed ? SIGKILL : SIGTERM) }
    }

    // MARK: - Signals

    /// Signals the process group of an attempt's worker. To an attempt that is over nothing is sent.
    ///
    /// The pid is that of a child whose end we have not been told, or of the process that holds the directory's lock at this
    /// moment: it cannot have become somebody else's, save in the instant between the death and the news of it.
    func signal(_ id: Int, attempt: Int, _ signal: Int32) {
        guard let worker = workers[id], worker.attempt == attempt, let job = state.jobs[id] else { return }
        guard let pid = worker.isAdopted ? lockHolder(job)?.pid : worker.pid, pid > 1 else { return }
        if kill(-pid, signal) != 0 && errno != ESRCH {
            logger.error("cannot signal the worker of job \(id) (pid \(pid)): \(String(cString: strerror(errno)))")
        }
    }

    private func lockPath(_ job: JobRecord) -> String { "\(directory(of: job))/\(WorkerFiles.lock)" }

    /// Who holds the directory's lock; nil when nobody does or does not say who it is.
    func lockHolder(_ job: JobRecord) -> WorkerIdentity? {
        // Unreadable is the same as unnamed: the caller has nobody to address, and asks again.
        guard case .somebody(let bytes)? = try? FileLock.holder(lockPath(job)) else { return nil }
        return try? JSONText.decode(WorkerIdentity.self, from: bytes)
    }

    // MARK: - Ends

    /// Looks after workers that are not our children, and reads how far all have come.
    func watchWorkers() {
        for (id, worker) in workers.sorted(by: { $0.key < $1.key }) {
            guard let job = state.jobs[id] else { continue }
            readProgress(job)
            guard worker.isAdopted else { continue }
            attempt("look after the worker of job \(id)") {
                if case .somebody = try FileLock.holder(lockPath(job)) { return }
                finish(id, attempt: worker.attempt, endOfAdopted(job))
            }
        }
    }

    /// How an attempt ended whose worker was not our child.
    func endOfAdopted(_ job: JobRecord) -> AttemptEnd {
        end(of: job, orElse: .crashed("it vanished without a result"))
    }

    private func workerEnded(_ id: Int, attempt: Int, _ processEnd: AttemptEnd) {
        guard let job = state.jobs[id], let worker = workers[id], worker.attempt == attempt else { return }
        if let holder = lockHolder(job), let pid = worker.pid {
            // A child of the worker has its lock, and would be in the way of the next attempt.
            logger.warning("job \(id): the worker left process \(holder.pid) behind, which is ended")
            _ = kill(-pid, SIGKILL)
            workers[id]?.isAdopted = true
            wakeup.yield()
            return
        }
        readProgress(job)
        finish(id, attempt: attempt, end(of: job, orElse: processEnd))
    }

    /// What the worker says about its end, or else what the kernel says, or else what its process's end says.
    private func end(of job: JobRecord, orElse processEnd: AttemptEnd) -> AttemptEnd {
        let path = "\(directory(of: job))/\(WorkerFiles.result(attempt: job.attempt))"
        do {
            guard try files.exists(path) else { return endForMemory(of: job) ?? processEnd }
            let result = try JSONText.decode(WorkerResult.self, from: files.read(path, limit: 1 << 20), file: path)
            guard result.attempt == job.attempt else {
                return .crashed("its result is that of attempt \(result.attempt)")
            }
            switch result.outcome {
            case .succeeded: return .succeeded
            case .checkpointed: return .checkpointed
            case .failed:
                let problem = result.problem ?? Problem(.internal, "the worker failed and did not say why")
                return .failed(problem, peakMemory: result.peakMemory)
            }
        } catch {
            return .crashed("its result cannot be read: \(Problem(error).message)")
        }
    }

    /// Notes that an attempt is over. It stays noted until the store has it.
    func finish(_ id: Int, attempt: Int, _ end: AttemptEnd) {
        guard workers[id]?.attempt == attempt || workers[id] == nil else { return }
        workers[id] = nil
        if case .crashed = end { counters.crashes +|= 1 }
        endings.append((id, attempt, end))
        removeUnusedGroups()
        recordEndings()
        wakeup.yield()
    }

    func recordEndings() {
        let pending = endings
        endings = []
        for ending in pending {
            do {
                let job = state.jobs[ending.job]
                // Whether it is the disk that is full, or too small for the job.
                if case .failed(let problem, _) = ending.end, problem.code == .diskFull { checkDisk() }
                if ending.end == .succeeded, let job { try publishModel(of: job) }
                try apply(
                    .attemptEnded(
                        job: ending.job, attempt: ending.attempt, ending.end, progress: progress[ending.job]))
                progress[ending.job] = nil
                if let job { saveRate(of: job) }
            } catch {
                logger.error("cannot record the end of job \(ending.job), attempt \(ending.attempt): \(error)")
                endings.append(ending)
            }
        }
    }

    // MARK: - Progress

    private func readProgress(_ job: JobRecord) {
        let path = "\(directory(of: job))/\(WorkerFiles.progress)"
        // A matter of display: what cannot be read now is read in a second.
        guard let bytes = try? files.read(path, limit: 1 << 16),
            let new = try? JSONText.decode(JobProgress.self, from: bytes), new != progress[job.id]
        else { return }
        progress[job.id] = new
        noteRate(of: job, new)
        forecast = nil
        let status = self.status(of: job)
        hub.send(.progress, status, at: machine.now())
        writeStatus(status, durability: .deferred)
    }
}

extension AttemptEnd {
    /// What the end of a worker's process says by itself, without a result.
    init(_ status: TerminationStatus) {
        switch status {
        case .exited(WorkerExit.checkpointed): self = .checkpointed
        case .exited(WorkerExit.outOfMemory):
            self = .failed(
                Problem(
                    .outOfMemory, "the machine had no more memory for the job",
                    remedy: "Lower batch_size, stop other programs, or run it on a larger machine."), peakMemory: nil)
        case .exited(WorkerExit.diskFull):
            self = .failed(
                Problem(
                    .diskFull, "the disk was full, so that not even the result could be written",
                    remedy: "Free some space on it."), peakMemory: nil)
        default: self = .crashed(status.text)
        }
    }
}

extension Problem {
    /// Any error as a problem.
    init(_ error: any Error) {
        if let problem = error as? Problem {
            self = problem
        } else if let problems = error as? Problems, let first = problems.all.first {
            self = first
        } else {
            self.init(.internal, "something failed in a way that was not foreseen", cause: error.systemReason)
        }
    }
}
