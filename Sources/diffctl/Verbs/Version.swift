import ArgumentParser
import ControlAPI
import JobSpec
import Problems

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the versions of diffctl and of the running daemon.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    private struct Versions: Encodable {
        var diffctl: String
        /// Null where no daemon is reachable.
        var diffd: String?

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(diffctl, forKey: .diffctl)
            try container.encode(diffd, forKey: .diffd)
        }

        enum CodingKeys: CodingKey { case diffctl, diffd }
    }

    /// A daemon that is not there is told on standard error; to know one's own version is success all the same.
    func run() throws {
        var running: Health?
        do {
            running = try connection.client.health()
        } catch {
            Failure(error).report()
        }
        try output.write(Versions(diffctl: Release.version, diffd: running?.version)) { _ in
            "diffctl \(Release.version)"
                + (running.map { "\ndiffd \($0.version) (process \($0.pid), spool \($0.spool))" } ?? "")
        }
    }
}
