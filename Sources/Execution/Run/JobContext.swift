internal import Configurations
internal import DurableFiles
internal import Foundation
internal import JobSpec
internal import Problems
internal import Spool
internal import StrictJSON
internal import TensorCore

/// What a running job has around it: its directory, its device, and the ways to tell how it goes.
final class JobContext {
    let arguments: WorkerArguments
    let directory: String
    let device: Device
    let stop: StopRequest
    let files: any FileSystem = PosixFileSystem()
    let policy: PathPolicy
    let models: ModelResolver
    /// For a job that is only looked at.
    let examination: Examination?
    private let events: DurableLog
    /// Bytes that the attempt was expected to take; 0 until that is known.
    var expectedMemory = 0
    private let clock = ContinuousClock()
    private var lastProgress: ContinuousClock.Instant?

    /// Whoever calls it holds the directory's lock.
    init(_ arguments: WorkerArguments, stop: StopRequest, examination: Examination? = nil) throws {
        self.arguments = arguments
        self.stop = stop
        self.examination = examination
        directory = arguments.job
        device = Worker.device(threads: arguments.threads)
        policy = try PathPolicy(
            spool: arguments.spool, allowedPaths: arguments.allowedPaths, own: arguments.job, in: files)
        models = ModelResolver(SpoolLayout(root: arguments.spool), policy, in: files)
        events = try DurableLog(Path.join(directory, "events.jsonl"), in: files, mode: 0o660)
        for part in [outputs, checkpoints] {
            try files.createDirectoriesDurably(part, mode: 0o770)
            try files.removeStaleTemporaries(in: part)
        }
        // What an attempt that was killed has left; the daemon may be writing status.json.
        try files.removeStaleTemporaries(in: directory, except: ["status.json"])
    }

    var outputs: String { Path.join(directory, JobFiles.outputs) }
    var checkpoints: String { Path.join(directory, "checkpoints") }
    func output(_ name: String) -> String { Path.join(outputs, name) }

    /// `000042-shirts`.
    var directoryName: String { Path.name(directory) }

    /// Adds a line to `events.jsonl`.
    func event(_ name: String, _ members: KeyValuePairs<String, JSONNode>) throws {
        try event(name, members.map { .init($0.key, $0.value) })
    }

    func event(_ name: String, _ members: [JSONNode.Member]) throws {
        let head: [JSONNode.Member] = [
            .init("time", JSONNode(.string(Self.timestamp()))), .init("event", JSONNode(.string(name))),
            .init("attempt", JSONNode(.integer(arguments.attempt))),
        ]
        try events.append(JSONNode(.object(head + members)).line)
    }

    func log(_ text: String) {
        if let examination { examination.outcome.notes.append(text.printable) } else { Self.log(text) }
    }

    /// Adds a line to `log.txt`, which the daemon has made this process's output. Names of files and words of other programs in it stay
    /// within that line.
    static func log(_ text: String) {
        // A line for which there is no space is lost; that must not cost the job.
        try? FileHandle.standardOutput.write(contentsOf: Data("\(timestamp()) \(text.printable)\n".utf8))
    }

    /// Tells how far the job is; written at most once a second.
    func progress(_ progress: @autoclosure () -> JobProgress, force: Bool = false) throws {
        let now = clock.now
        if !force, let lastProgress, lastProgress.duration(to: now) < .seconds(1) { return }
        lastProgress = now
        try files.writeAtomically(
            try JSONText.encode(progress()), to: Path.join(directory, WorkerFiles.progress), mode: 0o660)
    }

    /// Writes an output so that it is whole or absent.
    func write(_ bytes: [UInt8], to path: String) throws {
        try files.writeDurably(bytes, to: path, mode: 0o660)
    }

    /// A path that the job names, from the spool or absolute, once more resolved and permitted: it was when the job was
    /// accepted, but files may have been
    /// exchanged since.
    func permitted(_ path: String) throws -> String { try policy.resolve(path, base: arguments.spool) }

    private static func timestamp() -> String {
        Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
