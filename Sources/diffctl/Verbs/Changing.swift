import ArgumentParser
import ControlAPI
import JobSpec
import Problems

/// How a verb speaks to the daemon about the daemon itself.
struct DaemonArguments: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    /// Asks for `command`, and prints the daemon's health after it for programs; for people only what troubles it.
    func control(_ command: ServiceCommand) throws {
        let health = try request { () throws(Problems) in try connection.client.control(command) }
        try output.write(health) { _ in "" }
        for trouble in health.troubles { standardError("diffctl: \(printable(trouble.description))") }
    }
}

/// Jobs that a verb changes, one after the other.
struct JobArguments: ParsableArguments {
    @Argument(help: "Ids or names.") var job: [JobReference]
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    /// Asks for `change` on each job and prints those that took it. What one refuses does not keep the others from theirs.
    func change(_ change: JobChange) throws {
        let client = connection.client
        var changed: [JobStatus] = []
        var failure: (any Error)?
        do {
            try forEach(job) { changed.append(try client.change($0, change)) }
        } catch { failure = error }
        if output.json || !changed.isEmpty {
            try output.write(JobList(jobs: changed)) { style in
                changed.map { job in
                    "\(job.id) \(printable(job.name)) \(style.paint(job.state.rawValue, Style.color(of: job.state)))"
                        + (job.state == .running ? job.detail.map { ": " + printable($0) } ?? "" : "")
                }.joined(separator: "\n")
            }
        }
        if let failure { throw failure }
    }
}
