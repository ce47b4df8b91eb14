public import ArgumentParser
import ControlAPI
import Foundation
public import JobSpec
import Problems
import StrictJSON

/// How to reach the daemon.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's socket.", discussion: "Otherwise $DIFFD_SOCKET, otherwise /run/diffd/diffd.sock.",
            valueName: "path"))
    var socket: String?

    var client: ControlClient {
        ControlClient(socket: Self.socketPath(option: socket, environment: ProcessInfo.processInfo.environment))
    }

    /// Flag over environment over default. An empty variable counts as unset.
    static func socketPath(option: String?, environment: [String: String]) -> String {
        if let option { return option }
        if let variable = environment["DIFFD_SOCKET"], !variable.isEmpty { return variable }
        return "/run/diffd/diffd.sock"
    }
}

/// How to print.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON, for programs.")
    var json = false

    /// Prints `value` as JSON, or else what `text` makes of it for people.
    func write(_ value: some Encodable, _ text: (Style) -> String) throws {
        if json {
            do {
                // An escape for a character is JSON too, and no harm to a terminal.
                standardOutput(String(decoding: try JSONText.encode(value), as: UTF8.self).printableLines)
            } catch {
                throw Failure(error)
            }
        } else {
            standardOutput(text(Style.ofStandardOutput()))
        }
    }
}

extension JobReference: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
