import ArgumentParser
import ControlAPI
import JobSpec
import Problems

struct Priority: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Set a job's priority; higher is first, 0 is usual.",
        discussion: "Write a negative priority after two dashes: diffctl priority shirts -- -5")

    @Argument(help: "Id or name.") var job: JobReference
    @Argument(help: "A whole number.") var priority: Int
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let changed = try request { () throws(Problems) in try connection.client.change(job, .priority(priority)) }
        try output.write(JobList(jobs: [changed])) { _ in
            "\(changed.id) \(printable(changed.name)) priority \(changed.priority)"
        }
    }
}
