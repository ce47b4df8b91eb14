import ControlAPI
import Foundation
import Glibc
import JobSpec
import Problems
import ProgramTestSupport
import TestSupport
import Testing

/// What users may do to each other's jobs. Only root can be several users.
@Suite("another user", .enabled(if: geteuid() == 0, "only root can be several users")) struct UserTests {
    private static let user = "64999"

    /// Runs a program as a user without groups.
    private func run(_ service: LiveService, _ arguments: String...) async throws -> (status: Int32, text: String) {
        try await run(service, arguments)
    }

    private func run(_ service: LiveService, _ arguments: [String]) async throws -> (status: Int32, text: String) {
        let output = service.directory("as-user-\(UUID().uuidString)")
        let process = try ChildProcess(
            "/usr/bin/setpriv", ["--reuid", Self.user, "--regid", Self.user, "--clear-groups"] + arguments,
            environment: ["PATH": "/usr/bin:/bin", "DIFFD_SOCKET": service.socket], output: output)
        guard case .status(let status) = try await process.wait() else { throw Unexpected("\(arguments) died") }
        return (status, (try? String(contentsOfFile: output, encoding: .utf8)) ?? "")
    }

    /// A daemon with a held job of root's, in a directory that everyone may enter.
    private func service() async throws -> LiveService {
        let service = try await LiveService()
        #expect(chmod(service.directory.path, 0o755) == 0)
        try await service.submit(
            TinyJobs.points("mine", steps: 20).replacing("\"seed\": 1", with: "\"seed\": 1, \"hold\": true"))
        return service
    }

    @Test("does not reach the socket")
    func socket() async throws {
        let service = try await service()
        let answer = try await run(service, Program.control.path, "status")
        #expect(answer.status == 69 || answer.status == 77, "\(answer)")
        #expect(!answer.text.contains("mine"))
    }

    @Test("who does reach it may look, and neither change another's job nor hand in one")
    func roles() async throws {
        let service = try await service()
        // Whoever opens the socket to all shows them the queue, and no more.
        #expect(chmod(service.socket, 0o666) == 0)
        let status = try await run(service, Program.control.path, "status")
        #expect(status.status == 0 && status.text.contains("mine"), "\(status)")
        for verb in [
            ["cancel", "mine"], ["release", "mine"], ["requeue", "mine"], ["priority", "mine", "9"], ["drain"],
        ] {
            let answer = try await run(service, [Program.control.path] + verb)
            #expect(answer.status == 77, "\(verb): \(answer)")
        }
        let job = service.directory("theirs.json")
        try TinyJobs.points("theirs", steps: 5).write(toFile: job, atomically: true, encoding: .utf8)
        #expect(chmod(job, 0o644) == 0)
        #expect(try await run(service, Program.control.path, "submit", job).status == 77)
        #expect(try service.folder("mine").status()?.state == .held)
    }

    @Test("neither drops jobs nor reads or overwrites what is in the spool")
    func files() async throws {
        let service = try await service()
        let folder = try service.folder("mine")
        for attempt in [
            "cat \(folder("job.json"))", "echo x > \(folder("job.json"))", "echo x > \(folder("new"))",
            "ls \(service.spool)/jobs",
            "echo '{}' > \(service.incoming("theirs.json"))", "rm -r \(folder.path)",
        ] {
            #expect(try await run(service, "/bin/sh", "-c", attempt).status != 0, "\(attempt)")
        }
        #expect(try service.names("incoming").isEmpty)
    }
}
