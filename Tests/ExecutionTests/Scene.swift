import DurableFiles
import JobSpec
import ProgramTestSupport
import Safetensors
import StrictJSON
import TestSupport

/// A spool with job directories, as the daemon would have made them.
struct Scene {
    let spool: TemporaryDirectory

    init() throws {
        spool = try TemporaryDirectory()
        for directory in ["jobs", "models", "data", "cache", "cache/latents"] {
            try PosixFileSystem().createDirectory(spool(directory), mode: 0o700)
        }
    }

    /// Makes the directory of a job.
    func job(_ id: Int, _ json: String) throws -> JobDirectory {
        let files = PosixFileSystem()
        let name = try JSONNode.parse(Array(json.utf8))["name"]?.string ?? "job"
        let digits = String(id)
        let path = spool("jobs/" + String(repeating: "0", count: 6 - digits.count) + "\(digits)-\(name)")
        try files.createDirectory(path, mode: 0o700)
        try files.writeAtomically(Array(json.utf8), to: "\(path)/job.json")
        return JobDirectory(path: path, spool: spool)
    }

    /// Copies a fixture's directory to a place in the spool.
    func copy(_ fixture: String, to place: String) throws { try copyTree(Fixture.path(fixture), to: spool(place)) }

    private func copyTree(_ source: String, to target: String) throws {
        let files = PosixFileSystem()
        try files.createDirectory(target, mode: 0o700)
        for entry in try files.list(source).entries {
            let (from, to) = ("\(source)/\(entry.name)", "\(target)/\(entry.name)")
            guard entry.kind != .directory else {
                try copyTree(from, to: to)
                continue
            }
            try files.writeAtomically(files.read(from, limit: 1 << 24), to: to)
        }
    }

    /// A trained model: the directory of the job that made it.
    func trained(_ json: String = TinyJobs.training(steps: 20)) async throws -> JobDirectory {
        let job = try self.job(1, json)
        try await job.succeed()
        return job
    }
}

/// A job's directory, and attempts in it by the real worker.
struct JobDirectory {
    let path: String
    /// Kept as long as the job is spoken of.
    let spool: TemporaryDirectory

    private var files: PosixFileSystem { PosixFileSystem() }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    /// - Parameter environment: all of it; nil: ours.
    func start(attempt: Int = 1, threads: Int = 1, environment: [String: String]? = nil) throws -> ChildProcess {
        try ChildProcess(
            Program.worker.path,
            ["--job", path, "--spool", spool.path, "--attempt", "\(attempt)", "--threads", "\(threads)"],
            environment: environment, output: self("log.txt"))
    }

    /// Runs an attempt to its end.
    @discardableResult
    func run(attempt: Int = 1, threads: Int = 1) async throws -> ChildProcess.Exit {
        try await start(attempt: attempt, threads: threads).wait()
    }

    /// Runs an attempt that must succeed.
    func succeed(attempt: Int = 1, threads: Int = 1) async throws {
        let exit = try await run(attempt: attempt, threads: threads)
        guard exit == .status(WorkerExit.succeeded) else { throw Unexpected(what: "\(exit): \(log)") }
    }

    struct Unexpected: Error { var what: String }

    /// Nothing while there is none.
    var log: String {
        (try? files.read(self("log.txt"), limit: 1 << 24)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    func bytes(_ name: String) throws -> [UInt8] { try files.read(self(name), limit: 1 << 24) }

    func json(_ name: String) throws -> JSONNode { try JSONNode.parse(bytes(name), file: name) }

    func exists(_ name: String) throws -> Bool { try files.exists(self(name)) }

    /// Makes numbers of a tensor of a model NaN, those from the given one on.
    func spoil(_ tensor: String, from first: Int = 0, count: Int = 1, in name: String) throws {
        let start = try SafetensorsFile(self(name)).info(tensor).range.lowerBound
        var bytes = try bytes(name)
        for place in first..<first + count {
            let at = start + 4 * place
            bytes.replaceSubrange(at..<at + 4, with: [0, 0, 0xC0, 0x7F])
        }
        try files.writeAtomically(bytes, to: self(name))
    }

    /// Every line, which must be JSON.
    func events() throws -> [JSONNode] {
        try bytes("events.jsonl").split(separator: UInt8(ascii: "\n")).map { try JSONNode.parse(Array($0)) }
    }

    /// How many events there are, whole or not.
    func eventCount() throws -> Int {
        try exists("events.jsonl") ? try bytes("events.jsonl").count { $0 == UInt8(ascii: "\n") } : 0
    }

    func result(attempt: Int = 1) throws -> WorkerResult {
        try JSONText.decode(WorkerResult.self, from: bytes(WorkerFiles.result(attempt: attempt)))
    }

    /// The content of all files under a directory, by their paths in it.
    func contents(_ directory: String, except: Set<String> = []) throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for entry in try files.list(self(directory)).entries where !except.contains(entry.name) {
            let name = "\(directory)/\(entry.name)"
            if entry.kind == .directory {
                found.merge(try contents(name, except: except)) { $1 }
            } else {
                found[name] = try bytes(name)
            }
        }
        return found
    }

    /// All that must be the same whenever this job is done: its outputs save for the times in the manifest, and its model.
    func products() throws -> [String: [UInt8]] {
        var products = try contents("outputs", except: ["manifest.json"])
        if try exists("model") { products.merge(try contents("model")) { $1 } }
        return products
    }
}
