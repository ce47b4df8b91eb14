public import ArgumentParser
import ControlAPI
public import JobSpec
import Problems

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List jobs, those of the past included.")

    @Option(name: .shortAndLong, help: "Only jobs in this state; may be given more than once.") var state: [JobState] =
        []
    @Option(name: .shortAndLong, help: "Only jobs of this name.") var name: String?
    @Option(help: ArgumentHelp("Only the newest.", valueName: "count")) var limit: Int?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let limit, limit < 0 { throw ValidationError("--limit must not be negative.") }
    }

    func run() throws {
        let states = state.isEmpty ? Set(JobState.allCases) : Set(state)
        let list = try request { () throws(Problems) in
            try connection.client.jobs(JobFilter(states: states, name: name, limit: limit))
        }
        try output.write(list) { style in list.jobs.isEmpty ? "No jobs." : JobTable.render(list.jobs, style) }
    }
}

extension JobState: ExpressibleByArgument {}
