import ArgumentParser
import ControlAPI

struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start jobs again after drain.")

    @OptionGroup var daemon: DaemonArguments

    func run() throws { try daemon.control(.resume) }
}
