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
            var list = try connection.client.jobs(JobFilter(states: states, name: name, limit: limit))
            // A drop that was refused is in no state.
            if state.isEmpty {
                list.rejected = try connection.client.rejections(named: name, limit: Status.rejectionsAsked)
            }
            return list
        }
        try output.write(list) { style in
            let table = list.jobs.isEmpty ? "No jobs.\n" : JobTable.render(list.jobs, style)
            return table + RejectionText.lines(list.rejected ?? [], style).map { $0 + "\n" }.joined()
        }
    }
}

extension JobState: ExpressibleByArgument {}
