package import ArgumentParser
import Foundation
import Glibc
import JobSpec
import Logging
import Problems
import Service

/// The daemon's command line. Each flag is a setting of `diffd.yaml` and counts more than it and the environment.
package struct Diffd: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "diffd",
        abstract: "Runs the diffusion-model jobs that are dropped into a spool.",
        discussion: """
            Settings come from flags, then from environment variables (DIFFD_SPOOL, DIFFD_MAX_WORKERS, ...), then from the \
            configuration file, then from defaults.

            Exit status: 0 stopped, 1 failed, 2 wrong usage, 69 the spool or socket is in use, 78 bad configuration or store.
            """,
        version: Release.version)

    @Option(help: "Configuration file (default: $DIFFD_CONFIG, or /etc/diffd/diffd.yaml if it is there).")
    var config: String?

    @Option(help: "Directory of the spool.")
    var spool: String?

    @Option(help: "Path of the control socket.")
    var socket: String?

    @Option(help: "error, warning, notice, info, debug or trace.")
    var logLevel: String?

    @Option(help: "Workers at one time.")
    var maxWorkers: String?

    @Flag(help: "Check the settings, and that spool and store can be written, and end: 0 if all is well, 78 otherwise.")
    var checkConfig = false

    private var flags: [DaemonSetting: String] {
        let given: [DaemonSetting: String?] = [
            .spool: spool, .socket: socket, .logLevel: logLevel, .maxWorkers: maxWorkers,
        ]
        return given.compactMapValues(\.self)
    }

    package init() {}

    package func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let flags = flags
        let file = config
        let read: @Sendable () throws(Problems) -> DaemonConfiguration = { () throws(Problems) in
            try DaemonConfiguration(
                flags: flags, environment: environment, file: file,
                directory: FileManager.default.currentDirectoryPath)
        }
        let configuration: DaemonConfiguration
        do {
            configuration = try read()
        } catch {
            throw Failure(error, status: .badConfiguration)
        }
        if checkConfig {
            let faults = configuration.placeFaults()
            guard faults.isEmpty else { throw Failure(Problems(faults), status: .badConfiguration) }
            return
        }
        let logger = Logger.daemon("diffd", level: Logger.Level(configuration.logLevel), environment: environment)
        do {
            try await Daemon(configuration, read: read, environment: environment, logger: logger).run()
        } catch let problem as Problem {
            throw Failure(Problems([problem]), status: ExitStatus(problem.code))
        }
    }

    package static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            for problem in failure.problems.bounded.all { standardError("diffd: \(problem)".printableLines) }
            Glibc.exit(failure.status.rawValue)
        } catch  where exitCode(for: error) == .validationFailure {
            standardError(fullMessage(for: error))
            Glibc.exit(ExitStatus.usage.rawValue)
        } catch {
            // Help and version are "errors" of status 0 that print themselves.
            exit(withError: error)
        }
    }

    private static func standardError(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}

/// Exit statuses, after sysexits.h where it has one.
enum ExitStatus: Int32 {
    case failed = 1
    case usage = 2
    case inUse = 69
    /// systemd does not start the daemon again after this one: somebody has to mend something first.
    case badConfiguration = 78

    init(_ code: Problem.Code) {
        switch code {
        case .invalid, .missing, .denied, .corrupt, .unsupported: self = .badConfiguration
        case .unavailable: self = .inUse
        case .outOfMemory, .diskFull, .numerical, .interrupted, .crashed, .io, .internal: self = .failed
        }
    }
}

/// Why the daemon ends, and with which status.
struct Failure: Error {
    var problems: Problems
    var status: ExitStatus

    init(_ problems: Problems, status: ExitStatus) {
        self.problems = problems
        self.status = status
    }
}
