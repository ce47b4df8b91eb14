import ArgumentParser
import Foundation
import Testing
import diffctl

/// The help is part of the interface: a change of it shows up in review as a change of these files.
///
/// `DIFFD_RECORD=1 swift test --filter HelpTests` writes them anew.
@Suite struct HelpTests {
    private static let directory =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
            path: "Fixtures/diffctl")

    @Test(arguments: [
        "diffctl", "status", "list", "show", "submit", "cancel", "hold", "release", "requeue", "priority", "logs",
        "watch", "wait", "why", "doctor",
        "validate", "schema", "models", "models import", "drain", "resume", "reload", "version",
    ])
    func isAsReviewed(verb: String) throws {
        var help = ""
        do {
            let verbs = verb == "diffctl" ? [] : verb.split(separator: " ").map(String.init)
            var command = try Diffctl.parseAsRoot(verbs + ["--help"])
            try command.run()
        } catch {
            help = Diffctl.fullMessage(for: error, columns: 80) + "\n"
        }
        #expect(help.contains("USAGE: diffctl"))
        let file = Self.directory.appending(path: "\(verb.replacing(" ", with: "-")).txt")
        if ProcessInfo.processInfo.environment["DIFFD_RECORD"] == "1" {
            try FileManager.default.createDirectory(at: Self.directory, withIntermediateDirectories: true)
            try Data(help.utf8).write(to: file)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == help)
    }
}
