import ArgumentParser
import ControlAPI
import JobSpec
import Problems

struct Why: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say why a job is not running, and what it waits for.")

    @Argument(help: "Id or name.") var job: JobReference
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let answer = try request { () throws(Problems) in try connection.client.why(job) }
        try output.write(answer) { _ in WaitText.render(answer) }
    }
}
