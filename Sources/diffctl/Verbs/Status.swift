import ArgumentParser
import ControlAPI
import JobSpec
import Problems

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how jobs stand.",
        discussion: "Without JOB: all that are not finished, and the ten that finished last.")

    @Argument(help: "Ids or names.") var job: [JobReference] = []
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    static let finishedShown = 10

    func run() throws {
        let client = connection.client
        let jobs = try request { () throws(Problems) in try job.isEmpty ? Self.overview(client) : named(client) }
        try output.write(JobList(jobs: jobs)) { style in
            jobs.isEmpty ? "No jobs." : JobTable.render(jobs, style)
        }
    }

    /// All jobs that are not finished, and the last that are.
    static func overview(_ client: ControlClient) throws(Problems) -> [JobStatus] {
        let final = Set(JobState.allCases.filter(\.isFinal))
        // Finished jobs are read last: one that ends in between is then seen twice rather than not at all.
        let open = try client.jobs(JobFilter(states: Set(JobState.allCases).subtracting(final))).jobs
        let finished = try client.jobs(JobFilter(states: final, limit: finishedShown)).jobs
        let ended = Set(finished.map(\.id))
        return (finished + open.filter { !ended.contains($0.id) }).sorted { $0.id < $1.id }
    }

    private func named(_ client: ControlClient) throws(Problems) -> [JobStatus] {
        var jobs: [JobStatus] = []
        for reference in job { jobs.append(try client.job(reference)) }
        return jobs
    }
}
