import ArgumentParser
import ControlAPI

struct Requeue: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requeue",
        abstract: "Put jobs back into the queue; they go on from their newest checkpoint.")

    @OptionGroup var jobs: JobArguments

    func run() throws { try jobs.change(.requeue) }
}
