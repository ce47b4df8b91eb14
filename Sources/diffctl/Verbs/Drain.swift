import ArgumentParser
import ControlAPI

struct Drain: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start no further job; those that run go on.")

    @OptionGroup var daemon: DaemonArguments

    func run() throws { try daemon.control(.drain) }
}
