import ArgumentParser
import ControlAPI

struct Hold: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Keep waiting jobs from starting.")

    @OptionGroup var jobs: JobArguments

    func run() throws { try jobs.change(.hold) }
}
