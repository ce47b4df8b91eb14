import ArgumentParser
import ControlAPI
import Doctor
import Foundation
import Problems
import Service

struct Examine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what is wrong with configuration, spool, store, jobs, disk and units.",
        discussion: """
            Reads only, without --rebuild. Says of each trouble whether diffd mends it by itself or what to do. Run it as the user who may read all of the spool. \
            The spool is that of --spool, otherwise of the daemon that answers, otherwise of the configuration. Exits with 0 if nothing is \
            wrong, 78 if the configuration cannot be read, and 1 if something else is wrong.
            """)

    @Option(help: ArgumentHelp("Configuration file.", discussion: "Otherwise as diffd chooses it.", valueName: "path"))
    var config: String?
    @Option(help: ArgumentHelp("Directory of the spool.", valueName: "path")) var spool: String?
    @Flag(
        help: ArgumentHelp(
            "Make a new store from the job directories, while no diffd runs.",
            discussion:
                "The old one is kept beside it. Jobs that had ended are as they were, the others are held: diffctl release."
        ))
    var rebuild = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let configuration: DaemonConfiguration
        do {
            configuration = try DaemonConfiguration(
                flags: spool.map { [.spool: $0] } ?? [:], environment: ProcessInfo.processInfo.environment,
                file: config,
                directory: FileManager.default.currentDirectoryPath)
        } catch {
            throw Failure(.badConfiguration, error.all.map(\.description))
        }
        if rebuild {
            do {
                let outcome = try Rebuilding(spool: configuration.spool, stateDirectory: configuration.stateDirectory)
                    .run()
                return try output.write(outcome) { _ in DiagnosisText.render(outcome) }
            } catch let problem as Problem {
                throw Failure(problem)
            }
        }
        // Without a daemon the configuration tells.
        let answering = spool == nil ? try? connection.client.health().spool : nil
        let diagnosis = Examination.run(
            Examination(
                spool: answering ?? configuration.spool, stateDirectory: configuration.stateDirectory,
                allowedPaths: configuration.allowedPaths, minFreeDisk: configuration.minFreeDisk,
                closedPlaces: { dropIns in
                    configuration.closedPlaces(dropIns: dropIns).map { place in
                        Problem(
                            .denied, "\(place.setting.rawValue) is \(place.path), where the service may not write",
                            remedy: "systemctl edit diffd, and in [Service] \(DaemonConfiguration.opening(place.path))."
                        )
                    }
                }))
        try output.write(diagnosis) { style in
            DiagnosisText.render(diagnosis, spool: answering ?? configuration.spool, style)
        }
        if !diagnosis.findings.isEmpty { throw Failure(.failed) }
    }
}
