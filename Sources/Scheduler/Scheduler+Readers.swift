import ControlAPI
import DurableFiles
import Foundation
import JobQueue
import JobSpec
import Logging
import Problems
import StrictJSON

/// A line of `events.jsonl` about the job's state.
private struct StateLine: Encodable {
    var time: Date
    var event = "state"
    var state: JobState
    var attempt: Int
    var reason: WaitReason?
    var detail: String?
    var error: Problem?
}

/// Telling readers: `status.json`, `events.jsonl`, the journal, and listeners.
extension Scheduler {
    func status(of job: JobRecord) -> JobStatus {
        job.status(
            wait: state.wait(for: job.id, at: machine.now()), progress: progress[job.id], directory: directory(of: job))
    }

    /// Tells everyone that a committed job has changed.
    func announce(_ job: JobRecord) {
        let status = self.status(of: job)
        let now = machine.now()
        logger.log(job, detail: status.detail ?? status.error?.message)
        attempt("write the events of job \(job.id)") {
            let line = StateLine(
                time: now, state: status.state, attempt: status.attempt, reason: status.reason, detail: status.detail,
                error: status.error)
            let text = String(decoding: try JSONText.encode(line, .line), as: UTF8.self)
            // A copy for readers: it is not worth a wait for the disk.
            try DurableLog(status.directory + "/events.jsonl", in: files, mode: 0o660, durability: .deferred)
                .append(text.trimmingCharacters(in: .newlines))
        }
        refreshStatus(job)
        // Last: who hears of it may look into the files.
        hub.send(.state, status, at: now)
    }

    /// Writes `status.json` as it should be now.
    func refreshStatus(_ job: JobRecord) {
        let status = self.status(of: job)
        let isFinal = status.state.isFinal
        guard writeStatus(status, durability: isFinal ? .synchronized : .deferred) else { return }
        stale.remove(job.id)
        shownReasons[job.id] = isFinal ? nil : status.reason
        if isFinal, !unlinked.contains(job.id) {
            attempt("note that job \(job.id) is told") { try store.setAnnounced(job.id) }
        }
    }

    /// Whether it worked; if not, it is tried again in the next turn.
    @discardableResult
    func writeStatus(_ status: JobStatus, durability: Durability) -> Bool {
        do {
            try files.writeDurably(
                JSONText.encode(status), to: status.directory + "/status.json", mode: 0o660, durability: durability)
            return true
        } catch {
            // A job whose directory is gone is held for that; there is nothing to write to.
            if Problem(error).code != .missing, stale.insert(status.id).inserted {
                logger.error("cannot write the status of job \(status.id): \(error)")
            }
            return false
        }
    }

    /// Brings up to date what could not be written, and the reasons that change without the job: a few at a time.
    func tellReaders() {
        linkModels()
        for id in stale.sorted().prefix(100) {
            attempt("read job \(id)") {
                if let job = try state.jobs[id] ?? store.job(id) { refreshStatus(job) } else { stale.remove(id) }
            }
        }
        // With many jobs that is much to look at, and readers are told once a second at most.
        let now = machine.uptime()
        owesReasons = now < nextReasons
        guard !owesReasons else { return }
        nextReasons = now + .seconds(1)
        let waits = state.waits(at: machine.now())
        var room = 100
        for (id, wait) in waits where shownReasons[id] != wait.reason {
            guard room > 0 else {
                owesReasons = true
                return
            }
            room -= 1
            if let job = state.jobs[id] { refreshStatus(job) }
        }
    }
}
