import Glibc
public import Logging
import Problems
import Subprocess
import SystemPackage

/// The threads by which processes are started and watched.
///
/// The library that does so makes them with the first process, and only then: where there was none to be had at that moment (RLIMIT_NPROC,
/// TasksMax), no process would ever be started or seen to end. So they are made at the start.
public enum ProcessThreads {
    /// How many there are, at most.
    private static let count = 4

    /// Waits until there are threads to be had, and makes them by running `program` once, whatever it says.
    ///
    /// Throws code `unavailable` when no process can be started.
    public static func prepare(by program: String, _ logger: Logger) async throws {
        var isTold = false
        while !areFree() {
            if !isTold { logger.warning("no thread can be made: diffd waits for other processes of its user to end") }
            isTold = true
            try await Task.sleep(for: .seconds(1))
        }
        do {
            _ = try await Subprocess.run(
                .path(FilePath(program)), arguments: ["--version"], environment: .custom([:]), input: .none,
                output: .discarded, error: .discarded)
        } catch {
            throw Problem(
                .unavailable, "no process can be started", remedy: "See that \(program) is a program of this machine.",
                cause: String(describing: error))
        }
    }

    /// Tries it.
    private static func areFree() -> Bool {
        var threads: [pthread_t] = []
        defer { for thread in threads { pthread_join(thread, nil) } }
        for _ in 0..<count {
            var thread = pthread_t()
            let status = pthread_create(
                &thread, nil,
                { _ in
                    usleep(10_000)
                    return nil
                }, nil)
            guard status == 0 else { return false }
            threads.append(thread)
        }
        return true
    }
}
