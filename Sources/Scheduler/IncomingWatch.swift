import Dispatch
import Glibc
import Problems
import Synchronization

/// Tells when something may have happened in a directory. A hint only: whoever gets it looks for himself, and looks from time
/// to time anyway.
final class IncomingWatch {
    private let path: String
    private let descriptor: Int32
    private let source: any DispatchSourceRead

    init(_ path: String, changed: @escaping @Sendable () -> Void) throws(Problem) {
        self.path = path
        let descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard descriptor >= 0 else {
            throw Problem(
                .io, "cannot watch directories", remedy: "Raise fs.inotify.max_user_instances (sysctl).",
                cause: String(cString: strerror(errno)))
        }
        self.descriptor = descriptor
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor)
        source.setEventHandler {
            // What the events say does not matter, an overflow included.
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while read(descriptor, &buffer, buffer.count) > 0 {}
            changed()
        }
        source.setCancelHandler { close(descriptor) }
        source.activate()
    }

    deinit { source.cancel() }

    /// Watches the directory that now has the path. Called before each look, as another may have taken its place.
    func renew() throws(Problem) {
        let mask = UInt32(IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
        guard inotify_add_watch(descriptor, path, mask) >= 0 else {
            throw Problem(
                .io, "cannot watch \(path)", remedy: "See that the directory exists.",
                cause: String(cString: strerror(errno)))
        }
    }
}

/// That something may have happened since the last look.
final class Hint: Sendable {
    private let isGiven = Atomic(true)

    func give() { isGiven.store(true, ordering: .sequentiallyConsistent) }

    /// Whether it was given; afterwards it is not.
    func take() -> Bool { isGiven.exchange(false, ordering: .sequentiallyConsistent) }
}
