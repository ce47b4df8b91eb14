internal import DurableFiles
internal import JobSpec
internal import Problems
internal import Spool
internal import StrictJSON

/// The command line of `diffd-worker`, which the daemon writes and nobody types.
struct WorkerArguments: Sendable, Hashable {
    /// The job's directory.
    var job: String
    var spool: String
    var attempt: Int
    var threads: Int
    /// Directories outside the spool that jobs may read.
    var allowedPaths: [String] = []
    /// The directory of the control group to be in.
    var controlGroup: String?

    static let usage = """
        usage: diffd-worker --job DIRECTORY --spool DIRECTORY --attempt N --threads N [--allowed-path DIRECTORY]...
            [--control-group DIRECTORY]
        Runs one attempt of a job; diffd starts it.
        """

    init(_ arguments: [String]) throws(Problem) {
        var values: [String: String] = [:]
        var rest = arguments[...]
        while let option = rest.popFirst() {
            let known = ["--job", "--spool", "--attempt", "--threads", "--allowed-path", "--control-group"]
            guard known.contains(option) else {
                throw Problem(.invalid, "diffd-worker has no option \(option)", remedy: Self.usage)
            }
            guard let value = rest.popFirst() else {
                throw Problem(.invalid, "\(option) needs a value", remedy: Self.usage)
            }
            if option == "--allowed-path" { allowedPaths.append(value) } else { values[option] = value }
        }
        func value(_ option: String) throws(Problem) -> String {
            guard let value = values[option] else {
                throw Problem(.invalid, "\(option) is missing", remedy: Self.usage)
            }
            return value
        }
        func number(_ option: String) throws(Problem) -> Int {
            guard let number = Int(try value(option)), number >= 1 else {
                throw Problem(.invalid, "\(option) is not a number of at least 1", remedy: Self.usage)
            }
            return number
        }
        job = try value("--job")
        spool = try value("--spool")
        attempt = try number("--attempt")
        threads = try number("--threads")
        controlGroup = values["--control-group"]
    }

    /// Of a first attempt.
    init(job: String, spool: String, threads: Int, allowedPaths: [String]) {
        (self.job, self.spool, self.threads, self.allowedPaths) = (job, spool, threads, allowedPaths)
        attempt = 1
    }
}

extension WorkerArguments {
    /// Puts this process into its control group, which counts from then on all that it takes.
    func enterControlGroup() throws {
        guard let controlGroup else { return }
        // 0 is whoever writes it.
        let members = try PosixFileSystem().openForAppending(Path.join(controlGroup, "cgroup.procs"), mode: 0o644)
        try members.write(Array("0".utf8).span.bytes)
    }
}

extension WorkerArguments {
    /// The job, as it was understood when it was accepted.
    func jobSpec(in files: any FileSystem) throws -> JobSpec {
        let path = Path.join(job, JobFiles.job)
        // Written out in full, a job may be longer than its file was.
        let root = try JSONNode.parse(files.read(path, limit: 8 * JobSpec.maximumFileSize), file: path)
        return try JobSpec.decode(root, fileName: path)
    }
}
