import CChild
import DurableFiles
import Glibc
import Problems

/// A helper program at work, joined to this process by pipes; it is killed and waited for when this object goes.
///
/// What it decodes may have taken it over. So it has a fixed environment, limits of its own, none of this process's
/// files, no sockets and no processes; it reads the system's programs and one file, and writes to its pipes. It dies
/// with the thread that started it: use it on one thread.
package final class ChildProcess {
    /// How a child ended that was waited for.
    enum Ending: Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    private let name: String
    private let deadline: ContinuousClock.Instant
    private let limits: VideoLimits
    private var id: pid_t
    /// Ends of pipes; -1 when closed.
    private var input: Int32 = -1
    private var output: Int32 = -1
    private var errors: Int32 = -1
    private var sideways: Int32 = -1
    /// The beginning of what the child wrote to standard error.
    private var complaint: [UInt8] = []
    /// What the child wrote to its descriptor 3.
    private(set) var side: [UInt8] = []

    /// What was read of its output while something else was waited for, and how much of that is handed out.
    private var early: [UInt8] = []
    private var handedOut = 0

    private static let longestComplaint = 4096
    private static let longestSide = 1 << 28
    private static let longestEarly = 1 << 28

    /// Which pipes a child has beside that of its complaints.
    package struct Pipes: OptionSet {
        package let rawValue: Int
        static let input = Pipes(rawValue: 1)
        package static let output = Pipes(rawValue: 2)
        /// Descriptor 3, for what goes with the output.
        package static let side = Pipes(rawValue: 4)

        package init(rawValue: Int) { self.rawValue = rawValue }
    }

    /// - Parameters:
    ///   - name: of a program in one of the directories of `PATH`.
    ///   - files: descriptors that become the child's next numbers, from 3 or 4 on.
    ///   - path: of the one file that it may read.
    /// - Throws: `unavailable` for a program that is not installed; `io` where it cannot be started.
    package init(
        _ name: String, _ arguments: [String], pipes: Pipes, files: [Int32] = [], reading path: String? = nil,
        limits: VideoLimits
    ) throws {
        let program = try Self.find(name)
        self.name = name
        self.limits = limits
        deadline = .now + .seconds(limits.seconds)
        id = -1
        // What the child is given; closed here as soon as it has them.
        var theirs: [Int32] = []
        defer { for descriptor in theirs { close(descriptor) } }
        func pipe() throws -> (read: Int32, write: Int32) {
            var ends: [Int32] = [-1, -1]
            let result = cchild_pipe(&ends)
            guard result == 0 else { throw Self.failure("no pipe can be made", -result) }
            return (ends[0], ends[1])
        }
        func none() throws -> Int32 {
            let descriptor = open("/dev/null", O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure("/dev/null cannot be opened", errno) }
            return descriptor
        }
        if pipes.contains(.input) {
            let ends = try pipe()
            theirs.append(ends.read)
            input = ends.write
        } else {
            theirs.append(try none())
        }
        if pipes.contains(.output) {
            let ends = try pipe()
            theirs.append(ends.write)
            output = ends.read
        } else {
            theirs.append(try none())
        }
        let ends = try pipe()
        theirs.append(ends.write)
        errors = ends.read
        if pipes.contains(.side) {
            let ends = try pipe()
            theirs.append(ends.write)
            sideways = ends.read
        }
        for descriptor in [input, errors, sideways] where descriptor >= 0 {
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        }

        let ruleset = try ReadConfinement.sealed(Self.readable(program) + (path.map { [$0] } ?? []))
        defer { if let ruleset { close(ruleset) } }
        var most = cchild_limits(
            memory_bytes: UInt64(limits.helperMemory), cpu_seconds: UInt64(limits.seconds),
            file_bytes: UInt64(limits.fileBytes), ruleset: ruleset ?? -1)
        let environment = ["PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent"]
        let started = Self.withCStrings([program] + arguments) { arguments in
            Self.withCStrings(environment) { environment in
                cchild_start(
                    program, arguments, environment, theirs + files, Int32(theirs.count + files.count), &most)
            }
        }
        guard started > 0 else { throw Self.failure("\(name) cannot be started", -started) }
        id = started
    }

    deinit {
        for descriptor in [input, output, errors, sideways] where descriptor >= 0 { close(descriptor) }
        guard id > 0 else { return }
        kill(-id, SIGKILL)
        reap()
    }

    // MARK: - Talking to it

    /// Up to `count` bytes of what it writes; empty at the end.
    ///
    /// - Throws: `unavailable` when its time is up.
    package func read(atMost count: Int) throws -> [UInt8] {
        guard handedOut == early.count else {
            let end = min(handedOut + count, early.count)
            defer { handedOut = end }
            return Array(early[handedOut..<end])
        }
        early = []
        handedOut = 0
        while try !wait(for: output, POLLIN) {}
        return readOutput(atMost: count)
    }

    private func readOutput(atMost count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, Glibc.read(output, buffer.baseAddress, count))
        }
    }

    /// Hands it `bytes`; false when it no longer listens.
    func write(_ bytes: [UInt8]) throws -> Bool {
        var written = 0
        while written < bytes.count {
            guard try wait(for: input, POLLOUT) else { continue }
            // A child that is gone must be an error here, not a signal that ends this process.
            let count = Self.withoutBrokenPipeSignal {
                bytes.withUnsafeBytes { Glibc.write(input, $0.baseAddress! + written, bytes.count - written) }
            }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            if count < 0 { return false }
            written += count
        }
        return true
    }

    /// Tells it that nothing more comes.
    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// Waits for its end.
    func end() throws -> Ending {
        closeInput()
        while errors >= 0 || sideways >= 0 { _ = try wait(for: -1, 0) }
        return reap()
    }

    /// The first lines of what it wrote to descriptor 3, up to the one that begins so; nil where it ends before.
    ///
    /// A child that has filled the pipe of its output writes nothing to the other one, so its output is read meanwhile.
    package func side(until beginning: String) throws -> [Substring]? {
        var isOutputEnded = output < 0
        while true {
            let lines = String(decoding: side.prefix(4096), as: UTF8.self).split(whereSeparator: \.isNewline)
            if lines.dropLast().contains(where: { $0.hasPrefix(beginning) }) { return lines }
            guard sideways >= 0, errors >= 0 else { return nil }
            let isRead = !isOutputEnded && early.count < Self.longestEarly
            if try wait(for: isRead ? output : -1, POLLIN) {
                let bytes = readOutput(atMost: 1 << 16)
                early += bytes
                isOutputEnded = bytes.isEmpty
            }
        }
    }

    /// The lines of its complaint.
    var complaints: [String] {
        String(decoding: complaint, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }

    /// Its complaint as one line, for a problem's cause.
    var cause: String? { complaints.isEmpty ? nil : complaints.suffix(3).joined(separator: "; ") }

    // MARK: - Waiting

    /// Waits until `descriptor` is ready or the child complains, which is taken note of; whether it is ready.
    private func wait(for descriptor: Int32, _ events: Int32) throws -> Bool {
        let left = ContinuousClock.now.duration(to: deadline) / .seconds(1)
        guard left > 0 else {
            throw Problem(
                .unavailable, "\(name) was not done within \(limits.seconds) seconds",
                remedy: "Give a shorter or smaller video.")
        }
        var polled = [
            pollfd(fd: descriptor, events: Int16(events), revents: 0),
            pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
            pollfd(fd: sideways, events: Int16(POLLIN), revents: 0),
        ]
        let count = poll(&polled, 3, Int32(min(left * 1000 + 1, 60_000)))
        guard count > 0 else { return false }
        if polled[1].revents != 0 { Self.take(&errors, &complaint, atMost: Self.longestComplaint) }
        if polled[2].revents != 0 { Self.take(&sideways, &side, atMost: Self.longestSide) }
        return polled[0].revents != 0
    }

    /// Takes what there is in a pipe; what is more than `limit` in all is lost.
    private static func take(_ descriptor: inout Int32, _ bytes: inout [UInt8], atMost limit: Int) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        if count > 0 {
            bytes += buffer[..<min(count, limit - bytes.count)]
        } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
            close(descriptor)
            descriptor = -1
        }
    }

    @discardableResult private func reap() -> Ending {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        id = -1
        let signal = status & 0x7F
        return signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
    }

    // MARK: - Starting it

    /// What a program needs to run: itself, the system's programs and libraries, and libraries beside it.
    private static func readable(_ program: String) -> [String] {
        let directory = program[..<(program.lastIndex(of: "/") ?? program.startIndex)]
        return ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", program, "\(directory)/../lib"]
    }

    private static func find(_ name: String) throws -> String {
        let directories = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        for directory in directories.split(separator: ":") where directory.hasPrefix("/") {
            let path = "\(directory)/\(name)"
            if access(path, X_OK) == 0 { return path }
        }
        throw Problem(
            .unsupported, "the program \(name) is not installed, which reads and writes compressed videos",
            remedy: "Install the package ffmpeg, or use folders of PNG frames or Y4M files.")
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        let pointers = copies.map { UnsafePointer<CChar>($0) } + [nil]
        return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
    }

    /// Runs `body` with SIGPIPE blocked in this thread, and takes back the one it may have raised.
    private static func withoutBrokenPipeSignal<Result>(_ body: () -> Result) -> Result {
        var pipe = sigset_t()
        var before = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &pipe, &before)
        let result = body()
        let code = errno
        var none = timespec()
        while sigtimedwait(&pipe, nil, &none) < 0, errno == EINTR {}
        pthread_sigmask(SIG_SETMASK, &before, nil)
        errno = code
        return result
    }

    private static func failure(_ message: String, _ code: Int32) -> Problem {
        Problem(
            .io, message, remedy: "Try again when the machine has more room.", cause: String(cString: strerror(code)))
    }
}
