import ArgumentParser
import ControlAPI
import Problems

struct Drain: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start no further job; those that run go on.")

    @OptionGroup var connection: ConnectionOptions

    func run() throws { try request { () throws(Problems) in try connection.client.control(.drain) } }
}
