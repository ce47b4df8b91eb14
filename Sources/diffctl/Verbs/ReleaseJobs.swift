import ArgumentParser
import ControlAPI

struct ReleaseJobs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Let held jobs go on.")

    @OptionGroup var jobs: JobArguments

    func run() throws { try jobs.change(.release) }
}
