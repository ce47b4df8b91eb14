public import ControlAPI
import DurableFiles
import Foundation
import JobQueue
public import JobSpec
public import Problems
import Spool

/// How jobs come in by the socket.
extension Scheduler {
    public nonisolated func submit(_ submission: Submission, by caller: Caller) async throws(Problems) -> JobStatus {
        do {
            let file = submission.suggestedName + ".json"
            let spec = try JobSpec.decode(submission.bytes, fileName: file)
            let directories = try await self.directories()
            let thread = Self.diskThreads[abs(Int(truncatingIfNeeded: caller.uid)) % Self.diskThreads.count]
            let (settings, store, files) = (await settings, store, files)
            let (resolved, predecessors) = try await thread.run {
                let resolved = try directories.resolveInputs(of: spec, file: file, owner: caller.ownerName)
                let references = try References(settings, store, files).look(at: resolved, file: file)
                guard references.problems.isEmpty else { throw Problems(references.problems) }
                return (resolved, references.waitsFor)
            }
            let acceptance = try await admit(owner: caller.ownerName)
            let directory = try await Self.diskThreads[acceptance.id % Self.diskThreads.count].run {
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

    /// As many submissions are written at the same time.
    private static let diskThreads = (0..<8).map { DiskThread("disk \($0)") }

    private func admit(owner: String) throws -> Acceptance {
        guard !state.isDiskFull else {
            throw Problem(
                .diskFull, "no job is accepted while the disk is full", remedy: "Make space, then submit it again.")
        }
        guard !state.isStopping, hasRecovered else {
            throw Problem(
                .unavailable, "the daemon is starting or stopping", remedy: "Submit the job again in a moment.")
        }
        let token = "socket:\(UUID().uuidString)"
        let id = try store.reserve(drop: token, isDurable: false).id
        return Acceptance(id: id, submittedAt: machine.now(), owner: owner, token: token)
    }

    private func complete(_ job: JobRecord, _ acceptance: Acceptance) throws -> JobStatus {
        try publish(job, forgetsDrop: true)
        wakeup.yield()
        return status(of: state.jobs[job.id] ?? job)
    }
}
