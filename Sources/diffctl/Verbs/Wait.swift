import ArgumentParser
import ControlAPI
import JobSpec
import Problems

struct Wait: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Wait until jobs have ended.",
        discussion: "Exits with 0 if all succeeded, 1 if one failed, 3 if none failed but one was cancelled.")

    @Argument(help: "Ids or names.") var job: [JobReference]
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let client = connection.client
        let ids = try request { () throws(Problems) in
            var ids: [Int] = []
            for reference in job { ids.append(try client.job(reference).id) }
            return ids
        }
        let jobs = try request { () throws(Problems) in try Waiting(client: client).wait(for: ids) }
        try output.write(JobList(jobs: jobs)) { style in JobTable.render(jobs, style) }
        if let status = Waiting.status(of: jobs) { throw Failure(status) }
    }
}

/// Waits for the end of jobs by the daemon's events.
struct Waiting {
    var client: ControlClient

    /// The jobs in the order of `ids`, all in a final state. Outlives a restart of the daemon.
    func wait(for ids: [Int]) throws(Problems) -> [JobStatus] {
        var ended: [Int: JobStatus] = [:]
        var told: Set<Int> = []
        var patience = Patience()
        while ids.contains(where: { ended[$0] == nil }) {
            do throws(Problems) {
                try client.events { () throws(Problems) in
                    // From here on no change is missed; what was before is asked for.
                    for id in ids where ended[id] == nil {
                        note(try client.job(.id(id)), &ended, &told)
                    }
                    patience.reset()
                    return ids.contains { ended[$0] == nil }
                } _: { (event) throws(Problems) in
                    if let job = event.job, ids.contains(job.id) { note(job, &ended, &told) }
                    return ids.contains { ended[$0] == nil }
                }
                // The daemon ended the stream: it stops, or lost patience with a slow reader. Ask again.
            } catch {
                try patience.wait(after: error)
            }
        }
        return ids.compactMap { ended[$0] }
    }

    /// Keeps a job that has ended, and tells once of one that is held: that one may never end by itself.
    private func note(_ job: JobStatus, _ ended: inout [Int: JobStatus], _ told: inout Set<Int>) {
        if job.state.isFinal { ended[job.id] = job }
        if job.state == .held, told.insert(job.id).inserted {
            standardError(printable("diffctl: job \(job.id) is held: \(JobTable.note(on: job))"))
        }
    }

    /// Nil when all have succeeded.
    static func status(of jobs: [JobStatus]) -> ExitStatus? {
        if jobs.contains(where: { $0.state == .failed }) { return .failed }
        if jobs.contains(where: { $0.state == .cancelled }) { return .cancelled }
        return nil
    }
}
