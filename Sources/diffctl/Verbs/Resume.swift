import ArgumentParser
import ControlAPI
import Problems

struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start jobs again after drain.")

    @OptionGroup var connection: ConnectionOptions

    func run() throws { try request { () throws(Problems) in try connection.client.control(.resume) } }
}
