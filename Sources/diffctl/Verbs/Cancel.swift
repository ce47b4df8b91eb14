import ArgumentParser
import ControlAPI

struct Cancel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End jobs: at once if they wait, as soon as their worker is gone if they run.")

    @OptionGroup var jobs: JobArguments

    func run() throws { try jobs.change(.cancel) }
}
