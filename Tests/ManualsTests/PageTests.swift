import ArgumentParser
import Foundation
import JobSpec
import Manuals
import Service
import StrictJSON
import Testing
import diffctl
import diffd

/// The pages in `etc/man` are generated: `DIFFD_RECORD=1 swift test --filter ManualsTests` writes them anew.
@Suite struct PageTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func check(_ name: String, _ page: String) throws {
        let file = Self.root.appending(path: "etc/man/\(name)")
        if ProcessInfo.processInfo.environment["DIFFD_RECORD"] == "1" { try Data(page.utf8).write(to: file) }
        #expect(
            try String(contentsOf: file, encoding: .utf8) == page,
            "\(name) is old: DIFFD_RECORD=1 swift test --filter ManualsTests")
    }

    /// What a program's parser says of it, as JSON.
    private func dump(_ program: any ParsableCommand.Type) throws -> [UInt8] {
        do {
            _ = try program.parseAsRoot(["--experimental-dump-help"])
        } catch {
            return Array(program.fullMessage(for: error).utf8)
        }
        return []
    }

    @Test func jobFiles() throws {
        let page = JobManual.page(version: Release.version)
        try check("diffd-job.5", page)
        // Every key of every kind is there, with its meaning.
        func keys(_ schema: JSONNode) {
            for member in schema["properties"]?.members ?? [] {
                if member.node["const"] == nil { #expect(page.contains("\(member.name)\\fR"), "\(member.name)") }
                keys(member.node)
            }
            for alternative in schema["oneOf"]?.elements ?? [] { keys(alternative) }
        }
        keys(JobSpec.schema)
    }

    @Test func settings() throws {
        let page = ConfigurationManual.page(version: Release.version)
        try check("diffd.yaml.5", page)
        let shipped = try String(contentsOf: Self.root.appending(path: "etc/diffd.yaml"), encoding: .utf8)
        for setting in DaemonSetting.allCases {
            #expect(page.contains("\\fB\(setting.rawValue)\\fR"))
            #expect(shipped.contains("#\(setting.rawValue): "), "etc/diffd.yaml does not show \(setting.rawValue)")
        }
    }

    @Test func theClient() throws {
        try check(
            "diffctl.1",
            ProgramManual(dump: dump(Diffctl.self), section: 1, sections: ProgramSections.client).page(
                version: Release.version))
    }

    @Test func theDaemon() throws {
        try check(
            "diffd.8",
            ProgramManual(dump: dump(Diffd.self), section: 8, sections: ProgramSections.daemon).page(
                version: Release.version))
    }

    /// They come from the program itself when it is installed.
    @Test(arguments: ["bash", "zsh", "fish"]) func completions(shell: String) throws {
        var script = ""
        do {
            _ = try Diffctl.parseAsRoot(["--generate-completion-script", shell])
        } catch {
            script = Diffctl.fullMessage(for: error)
        }
        for verb in Diffctl.configuration.groupedSubcommands.flatMap(\.subcommands) {
            let name = verb._commandName
            #expect(script.contains(name), "\(name) is not completed")
        }
    }
}
