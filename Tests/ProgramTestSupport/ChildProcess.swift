import Glibc
import Problems
import Synchronization
import TestSupport

/// A process that a test has started, with its output in a file. Killed when the last reference goes.
public final class ChildProcess: Sendable {
    /// How a process ended.
    public enum Exit: Sendable, Hashable {
        case status(Int32)
        case signal(Int32)
    }

    public let pid: Int32
    private let exit = Mutex<Exit?>(nil)

    /// Starts a program in a process group of its own, with nothing to read.
    ///
    /// - Parameters:
    ///   - environment: all of it; nil: ours.
    ///   - output: the file that gets standard output at its end.
    ///   - errors: the same for standard error; nil: `output`.
    public init(
        _ program: String, _ arguments: [String], environment: [String: String]? = nil, output: String,
        errors: String? = nil
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors ?? output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        // Of its signals nothing is inherited from the test runner.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var pid: pid_t = 0
        let error = Self.withStrings([program] + arguments) { arguments in
            guard let environment else {
                return posix_spawn(&pid, program, &actions, &attributes, arguments, environ)
            }
            return Self.withStrings(environment.map { "\($0)=\($1)" }) { environment in
                posix_spawn(&pid, program, &actions, &attributes, arguments, environment)
            }
        }
        guard error == 0 else {
            throw Problem(.io, "\(program) could not be started", cause: String(cString: strerror(error)))
        }
        self.pid = pid
    }

    deinit {
        guard poll() == nil else { return }
        kill(-pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    private static func withStrings<Result>(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) throws -> Result
    ) rethrows -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return try pointers.withUnsafeMutableBufferPointer { try body($0.baseAddress!) }
    }

    /// Sends a signal, unless the process has been seen to end.
    public func send(_ signal: Int32) {
        exit.withLock { exit in
            if exit == nil { kill(pid, signal) }
        }
    }

    /// How it ended; nil while it runs.
    public func poll() -> Exit? {
        exit.withLock { exit in
            if let exit { return exit }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
            exit = status & 0x7F == 0 ? .status((status >> 8) & 0xFF) : .signal(status & 0x7F)
            return exit
        }
    }

    public var isRunning: Bool { poll() == nil }

    /// Waits for the end.
    @discardableResult
    public func wait() async throws -> Exit {
        try await eventually("process \(pid) ends") { self.poll() }
    }
}
