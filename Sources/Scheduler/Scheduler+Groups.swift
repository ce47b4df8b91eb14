import Glibc
import JobQueue
import Logging
import Problems

/// The workers' control groups. A group is a fence: where there is none, the work goes on without.
extension Scheduler {
    /// Takes over the control group that is delegated to the daemon, if one is.
    func takeControlGroup() {
        guard let root = machine.controlGroup else {
            // A user who runs diffd at a desk can do nothing about it.
            return logger.debug(
                "no control group is delegated to diffd: the kernel does not hold workers to the memory they asked for")
        }
        attempt("use the control group \(root), so workers are not held to the memory they asked for") {
            groups = try ControlGroups(root, process: getpid(), in: files)
        }
    }

    /// The directory of the group that an attempt's worker is to enter; nil where there is none.
    func makeGroup(for job: JobRecord, attempt: Int, threads: Int) -> String? {
        guard let groups else { return nil }
        var made: String?
        self.attempt("make a control group for job \(job.id)") {
            made = try groups.make(
                job: job.id, attempt: attempt, ControlGroups.Limits(memory: job.memory, threads: threads))
        }
        return made
    }

    /// The end of an attempt whose worker the kernel has ended for its memory; nil for another.
    func endForMemory(of job: JobRecord) -> AttemptEnd? {
        guard let groups else { return nil }
        var end: AttemptEnd?
        attempt("read the memory of job \(job.id)") {
            guard let report = try groups.memory(job: job.id, attempt: job.attempt), report.wasExceeded else { return }
            end = .failed(Problem(exceeded: report), peakMemory: report.peak)
        }
        return end
    }

    /// Removes the groups of attempts that are over, an earlier daemon's too.
    func removeUnusedGroups() {
        guard let groups else { return }
        attempt("remove control groups") {
            try groups.removeAll(except: workers.map { ($0.key, $0.value.attempt) })
        }
    }
}
