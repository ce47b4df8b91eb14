package import ArgumentParser
import Glibc
import JobSpec
import Problems

/// The command line's root: which verbs there are, and what becomes of their errors.
@main
package struct Diffctl: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "diffctl",
        abstract: "Speak with diffd: hand in jobs, watch them, change them.",
        discussion: """
            A job is named by its id or by its name; a name means the newest job of that name.

            Exit status: 0 done, 1 failed (wait: a job failed), 2 wrong usage, 3 a job was cancelled (wait), 4 no such job, \
            65 bad job file, 69 daemon not reachable, 77 not permitted, 78 bad configuration.
            """,
        version: Release.version,
        groupedSubcommands: [
            CommandGroup(
                name: "Looking",
                subcommands: [
                    Status.self, List.self, Show.self, Watch.self, Logs.self, Wait.self, Why.self, Models.self,
                ]),
            CommandGroup(name: "Handing in", subcommands: [Submit.self, Validate.self, Schema.self]),
            CommandGroup(
                name: "Changing",
                subcommands: [Cancel.self, Hold.self, ReleaseJobs.self, Requeue.self, Priority.self]),
            CommandGroup(
                name: "Daemon", subcommands: [Drain.self, Resume.self, Reload.self, Examine.self, Version.self]),
        ])

    package init() {}

    package static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as Failure {
            failure.exit()
        } catch let problem as Problem {
            Failure(problem).exit()
        } catch let problems as Problems {
            Failure(problems).exit()
        } catch  where exitCode(for: error) == .validationFailure {
            standardError(fullMessage(for: error))
            Glibc.exit(ExitStatus.usage.rawValue)
        } catch {
            // Help, version and completion scripts are "errors" of status 0 that print themselves.
            exit(withError: error)
        }
    }
}
