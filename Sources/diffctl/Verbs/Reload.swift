import ArgumentParser
import ControlAPI
import Problems

struct Reload: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Read the configuration again.")

    @OptionGroup var connection: ConnectionOptions

    func run() throws { try request { () throws(Problems) in try connection.client.control(.reload) } }
}
