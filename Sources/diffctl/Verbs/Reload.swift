import ArgumentParser
import ControlAPI

struct Reload: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Read the configuration again.")

    @OptionGroup var daemon: DaemonArguments

    func run() throws { try daemon.control(.reload) }
}
