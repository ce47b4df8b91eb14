import ControlAPI
import DurableFiles
import Glibc
import JobSpec
import Problems
import ProgramTestSupport
import Spool
import StrictJSON
import TestSupport

/// The three programs on a spool of their own, as a user has them.
final class LiveService {
    let directory: TemporaryDirectory
    private(set) var daemon: ChildProcess?
    private let files = PosixFileSystem()
    private var calls = 0

    let spool: String
    var socket: String { directory("socket") }
    var log: String { text(directory("diffd.log")) }
    var client: ControlClient { ControlClient(socket: socket, timeout: patience) }

    /// Starts the daemon.
    ///
    /// - Parameters:
    ///   - settings: further lines of `diffd.yaml`.
    ///   - spool: where it lies; nil: in a directory of its own.
    init(_ settings: [String: String] = [:], spool: String? = nil) async throws {
        directory = try TemporaryDirectory()
        self.spool = spool ?? directory("spool")
        var lines = [
            "spool": self.spool, "socket": directory("socket"), "min_free_disk": "1MiB", "threads": "2",
        ]
        lines.merge(settings) { $1 }
        let yaml = lines.map { "\($0): \($1)\n" }.joined()
        try files.writeAtomically(Array(yaml.utf8), to: directory("diffd.yaml"))
        try await start()
    }

    deinit {
        daemon?.send(SIGKILL)
        for pid in workers().values { kill(pid, SIGKILL) }
    }

    // MARK: - The daemon

    /// Starts the daemon and waits until it answers.
    func start() async throws {
        let daemon = try ChildProcess(
            Program.daemon.path, ["--config", directory("diffd.yaml")], environment: ["PATH": "/usr/bin:/bin"],
            output: directory("diffd.log"))
        self.daemon = daemon
        try await eventually("diffd answers") {
            guard daemon.isRunning else { throw Unexpected("diffd ended: \(log)") }
            return (try? client.health()) != nil
        }
    }

    /// Sends the daemon a signal and waits for its end.
    @discardableResult
    func stop(_ signal: Int32) async throws -> ChildProcess.Exit {
        guard let daemon else { throw Unexpected("diffd does not run") }
        daemon.send(signal)
        let exit = try await daemon.wait()
        self.daemon = nil
        return exit
    }

    /// The pids of running workers, by job directory. Only processes that are our workers are told.
    func workers() -> [String: Int32] {
        var pids: [String: Int32] = [:]
        // What is gone or unreadable at this moment has no worker.
        for name in (try? files.list("\(spool)/jobs").entries.map(\.name)) ?? [] {
            guard
                let bytes = try? files.read("\(spool)/jobs/\(name)/\(WorkerFiles.lock)", limit: 1 << 16),
                let holder = try? JSONText.decode(WorkerIdentity.self, from: bytes),
                let command = try? files.read("/proc/\(holder.pid)/cmdline", limit: 1 << 16),
                String(decoding: command, as: UTF8.self).contains("\(spool)/jobs/\(name)\0")
            else { continue }
            pids[name] = holder.pid
        }
        return pids
    }

    // MARK: - diffctl

    struct Answer {
        var status: Int32
        var output: String
        var errors: String

        var json: JSONNode { get throws { try JSONNode.parse(Array(output.utf8)) } }
    }

    /// Runs `diffctl` to its end.
    func diffctl(_ arguments: String...) async throws -> Answer { try await diffctl(arguments) }

    func diffctl(_ arguments: [String]) async throws -> Answer {
        calls += 1
        let (output, errors) = (directory("out-\(calls)"), directory("err-\(calls)"))
        let process = try ChildProcess(
            Program.control.path, arguments, environment: ["PATH": "/usr/bin:/bin", "DIFFD_SOCKET": socket],
            output: output, errors: errors)
        guard case .status(let status) = try await process.wait() else {
            throw Unexpected("diffctl \(arguments) died")
        }
        return Answer(status: status, output: text(output), errors: text(errors))
    }

    /// Hands in a job file and returns the job's id.
    @discardableResult
    func submit(_ json: String) async throws -> Int {
        calls += 1
        let file = directory("job-\(calls).json")
        try files.writeAtomically(Array(json.utf8), to: file)
        let answer = try await diffctl("submit", "--json", file)
        guard answer.status == 0, let id = try answer.json["jobs"]?.elements?.first?["id"]?.integer else {
            throw Unexpected("diffctl submit: \(answer)")
        }
        return id
    }

    // MARK: - The spool

    func incoming(_ name: String) -> String { "\(spool)/incoming/\(name)" }

    /// The names in a directory of the spool.
    func names(_ directory: String) throws -> [String] { try files.list("\(spool)/\(directory)").entries.map(\.name) }

    /// The directory of the job of this name; nil while there is none.
    func job(_ name: String) throws -> JobFolder? {
        let found = try names("jobs").filter { SpoolLayout.job(fromDirectoryName: $0)?.name == name }
        guard found.count < 2 else { throw Unexpected("\(name) was accepted \(found.count) times") }
        return found.first.map { JobFolder(path: "\(spool)/jobs/\($0)") }
    }

    /// The directory of a job that must be there.
    func folder(_ name: String) throws -> JobFolder {
        guard let job = try job(name) else { throw Unexpected("there is no job \(name)") }
        return job
    }

    /// The directory of the job of this name, once it has been accepted.
    func accepted(_ name: String) async throws -> JobFolder {
        try await eventually("\(name) is accepted") { try job(name) }
    }

    /// Waits for the end of jobs by what any user can read, their `status.json`.
    func ended(_ names: [String]) async throws -> [JobState] {
        try await eventually("\(names) end") {
            let states = try names.map { try job($0)?.status()?.state }
            return states.allSatisfy { $0?.isFinal == true } ? states.compactMap(\.self) : nil
        }
    }

    private func text(_ path: String) -> String {
        // Nothing was written.
        (try? files.read(path, limit: 1 << 26)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// Something that a test relies on is not so.
struct Unexpected: Error {
    var what: String

    init(_ what: String) { self.what = what }
}
