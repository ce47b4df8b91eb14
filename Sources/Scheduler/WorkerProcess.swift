import Glibc
import Problems
import Subprocess
import SystemPackage

/// A `diffd-worker` to be started for one attempt.
struct WorkerCommand: Sendable {
    var program: String
    var arguments: [String]
    var environment: [String: String]
    /// The job's directory.
    var directory: String
    /// The worker's output is added to its end.
    var log: String

    /// - Parameters:
    ///   - environment: the daemon's, of which a worker gets what it needs and nothing else: no socket of systemd, no preloaded
    ///     library, no secrets.
    ///   - controlGroup: the directory of the group that the worker enters.
    init(
        settings: SchedulerSettings, environment: [String: String], directory: String, attempt: Int, threads: Int,
        controlGroup: String?
    ) {
        program = settings.worker
        arguments = [
            "--job", directory, "--spool", settings.spool, "--attempt", String(attempt), "--threads", String(threads),
        ]
        for path in settings.allowedPaths { arguments += ["--allowed-path", path] }
        if let controlGroup { arguments += ["--control-group", controlGroup] }
        let passed = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"]
        self.environment = environment.filter { passed.contains($0.key) }
        // The runtime's own reports of crashes look where a worker may not read, and keep it from dying meanwhile.
        self.environment["SWIFT_BACKTRACE"] = "enable=no"
        self.directory = directory
        log = directory + "/log.txt"
    }

    /// Runs the worker in a process group of its own, with nothing to read, and returns how it ended.
    ///
    /// `started` is called with its pid. The worker outlives the daemon: nothing ends it when this task or process ends.
    func run(started: @Sendable (Int32) async -> Void) async throws(Problem) -> TerminationStatus {
        do {
            let output = try FileDescriptor.open(
                log, .writeOnly, options: [.append, .create, .closeOnExec, .noFollow],
                permissions: [.ownerReadWrite, .groupRead])
            var options = PlatformOptions()
            options.processGroupID = 0
            let variables = Dictionary(
                uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
            return try await Subprocess.run(
                .path(FilePath(program)), arguments: Arguments(arguments), environment: .custom(variables),
                workingDirectory: FilePath(directory), platformOptions: options, input: .none,
                output: .fileDescriptor(output, closeAfterSpawningProcess: true), error: .combinedWithOutput
            ) { execution in
                await started(execution.processIdentifier.value)
            }.terminationStatus
        } catch {
            throw Problem(
                .unavailable, "the worker \(program) could not be started",
                remedy: "See that it is installed, or name it with the setting worker.",
                cause: String(describing: error))
        }
    }
}

extension TerminationStatus {
    /// For people: `exit status 3`, `signal 11 (Segmentation fault)`.
    var text: String {
        switch self {
        case .exited(let code): "exit status \(code)"
        case .signaled(let signal): "signal \(signal) (\(String(cString: strsignal(signal))))"
        }
    }
}
