import Dispatch
import DurableFiles
import Glibc
public import Problems
import Synchronization

/// What inotify(7) tells of `incoming/` and of directories that grow in it.
///
/// A hint and a witness, never the truth: whoever uses it looks for himself, from time to time without being told too.
/// Where inotify says
/// nothing (another machine writes, its queue has overflowed, it has no watches left) a directory counts as one that
/// grows, and looking
/// again and again must do.
public final class IncomingWatch: Sendable {
    /// What is known of an entry of `incoming/`.
    struct Report: Equatable {
        /// It came under its name as a whole: by a rename.
        var isRenamed = false
        /// When something in it last changed; nil where nothing was seen.
        var lastChange: Duration?
        /// The longest time between two changes.
        var longestGap = Duration.zero
        /// A file in it that is open for writing.
        var openFile: String?
    }

    /// What has changed in a drop after it was taken in: names from the drop.
    public typealias Late = (job: Int, names: [String])

    private let descriptor: Int32
    private let incoming: String
    private let uptime: @Sendable () -> Duration
    private let state = Mutex(State())
    /// Set up once, before anybody else knows of it.
    nonisolated(unsafe) private let source: any DispatchSourceRead

    /// What is watched of `incoming/` itself, and of directories in it.
    private static let topEvents =
        IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF
        | IN_MOVE_SELF
    private static let innerEvents =
        IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_OPEN | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE | IN_MOVED_TO | IN_MOVED_FROM
        | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK
    /// No more directories of one drop are watched; the rest is looked at from time to time.
    private static let directoryLimit = 2000

    /// - Parameters:
    ///   - uptime: the clock of `Incoming.scan`.
    ///   - changed: called when something may have happened to an entry; from any thread.
    public init(
        _ incoming: String, uptime: @escaping @Sendable () -> Duration, changed: @escaping @Sendable () -> Void = {}
    ) throws(Problem) {
        let descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard descriptor >= 0 else {
            throw Problem(
                .unavailable, "cannot watch directories, and looks into them from time to time instead",
                remedy: "Raise fs.inotify.max_user_instances (sysctl).", cause: String(cString: strerror(errno)))
        }
        self.descriptor = descriptor
        self.incoming = incoming
        self.uptime = uptime
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor)
        source.setCancelHandler { close(descriptor) }
        source.setEventHandler { [weak self] in if self?.drain() == true { changed() } }
        source.activate()
    }

    deinit { source.cancel() }

    /// Watches the directory that now has the path. Called before each look, as another may have taken its place.
    public func renew() throws(Problem) {
        let mask = UInt32(clamping: Self.topEvents)
        let watch = inotify_add_watch(descriptor, incoming, mask)
        guard watch >= 0 else {
            throw Problem(
                .unavailable, "cannot watch \(incoming), and looks into it from time to time instead",
                remedy: "Raise fs.inotify.max_user_watches (sysctl).", cause: String(cString: strerror(errno)))
        }
        state.withLock { $0.top = watch }
    }

    // MARK: - Drops

    func report(on name: String) -> Report {
        state.withLock { state in
            var report = state.drops[name]?.report ?? Report()
            report.isRenamed = state.renamed.contains(name)
            report.openFile = state.drops[name]?.openFile(at: uptime())
            return report
        }
    }

    /// Watches the directories of a drop that grows, or is about to be taken in: absolute paths.
    public func follow(_ name: String, _ directories: [String]) {
        state.withLock { state in
            let known = state.drops[name]?.directories.count ?? 0
            for path in directories.prefix(Self.directoryLimit) where known < Self.directoryLimit {
                if state.drops[name]?.directories[path] == nil { add(path, of: name, &state) }
            }
        }
    }

    private func add(_ path: String, of name: String, _ state: inout State) {
        let mask = UInt32(clamping: Self.innerEvents)
        let watch = inotify_add_watch(descriptor, path, mask)
        // Without a watch it is looked at from time to time.
        guard watch >= 0, watch != state.top else { return }
        state.owners[watch] = (name, path)
        state.drops[name, default: Drop()].directories[path] = watch
    }

    /// Forgets the entries that are not among `names`.
    func keep(_ names: Set<String>) {
        state.withLock { state in
            for name in state.drops.keys where !names.contains(name) && state.drops[name]?.job == nil {
                forget(name, &state)
            }
        }
    }

    private func forget(_ name: String, _ state: inout State) {
        for watch in state.drops.removeValue(forKey: name)?.directories.values ?? [:].values {
            state.owners[watch] = nil
            inotify_rm_watch(descriptor, watch)
        }
    }

    // MARK: - Drops that were taken in

    /// From now on changes in the drop are changes in the inputs of a job; the directories are the same, wherever they
    /// have moved.
    public func taken(_ name: String, by job: Int) {
        drain()
        state.withLock { state in
            guard var drop = state.drops.removeValue(forKey: name) else { return }
            drop.job = job
            drop.root = Path.join(incoming, name)
            drop.late = []
            let key = "\(job)/"
            for (path, watch) in drop.directories { state.owners[watch] = (key, path) }
            state.drops[key] = drop
        }
    }

    /// What has come for drops that were taken in since it was last asked.
    public func takeLate() -> [Late] {
        drain()
        return state.withLock { state in
            state.drops.keys.sorted().compactMap { key in
                guard let job = state.drops[key]?.job, let names = state.drops[key]?.late, !names.isEmpty else {
                    return nil
                }
                state.drops[key]?.late = []
                return (job, names)
            }
        }
    }

    /// Watches no longer what comes for these jobs.
    public func forget(jobs isOver: (Int) -> Bool) {
        state.withLock { state in
            for key in state.drops.keys {
                if let job = state.drops[key]?.job, isOver(job) { forget(key, &state) }
            }
        }
    }

    // MARK: - Events

    /// Reads the events that are there. What has happened before the call is known after it.
    ///
    /// - Returns: whether an entry itself may have changed, rather than something in one.
    @discardableResult
    package func drain() -> Bool {
        state.withLock { state in
            var hints = false
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                guard count > 0 else { return hints }
                var rest = buffer[..<count]
                while let event = Event(&rest) { hints = note(event, &state) || hints }
            }
        }
    }

    private func note(_ event: Event, _ state: inout State) -> Bool {
        if event.has(IN_Q_OVERFLOW) {
            state.renamed = []
            for name in state.drops.keys { state.drops[name]?.note(change: uptime()) }
            return true
        }
        if event.watch == state.top {
            if event.has(IN_MOVED_TO) {
                state.renamed.insert(event.name)
            } else if event.has(IN_CREATE) || event.has(IN_DELETE) || event.has(IN_MOVED_FROM) {
                state.renamed.remove(event.name)
            }
            return true
        }
        guard let (name, directory) = state.owners[event.watch] else { return false }
        if event.has(IN_IGNORED) {
            state.owners[event.watch] = nil
            state.drops[name]?.directories[directory] = nil
            return false
        }
        let path = Path.join(directory, event.name)
        state.drops[name]?.note(event, path, at: uptime())
        if event.has(IN_ISDIR), event.has(IN_CREATE) || event.has(IN_MOVED_TO), state.drops[name]?.job == nil {
            add(path, of: name, &state)
        }
        // A directory that is complete once it is quiet is looked at when it should be.
        return state.drops[name]?.job != nil && event.isChange
    }

    private struct State {
        var top: Int32 = -1
        /// Entries that came by a rename.
        var renamed: Set<String> = []
        /// By entry, or by job and a slash.
        var drops: [String: Drop] = [:]
        /// Whose directory a watch is on, and its path when it was made.
        var owners: [Int32: (name: String, path: String)] = [:]
    }

    private struct Drop {
        var directories: [String: Int32] = [:]
        var report = Report()
        /// Files that are open, by path.
        var open: [String: Opening] = [:]
        var job: Int?
        /// The drop's path when it was taken in.
        var root = ""
        var late: [String] = []

        mutating func note(change now: Duration) {
            if let last = report.lastChange { report.longestGap = max(report.longestGap, now - last) }
            report.lastChange = now
        }

        mutating func note(_ event: Event, _ path: String, at now: Duration) {
            if event.isChange { note(change: now) }
            if job != nil, event.isArrival, late.count < 1000 {
                let name = path.hasPrefix(root + "/") ? String(path.dropFirst(root.count + 1)) : path
                if !late.contains(name) { late.append(name) }
            }
            guard !event.has(IN_ISDIR) else { return }
            if event.has(IN_OPEN) { open[path, default: Opening(at: now)].count += 1 }
            if event.has(IN_MODIFY) {
                // Opened before there was a watch.
                var opening = open[path] ?? Opening(at: now, count: 1, isAssumed: true)
                (opening.isWritten, opening.lastEvent) = (true, now)
                open[path] = opening
            }
            if event.has(IN_CREATE), open[path] != nil { open[path]?.isWritten = true }
            if event.has(IN_CREATE), open[path] == nil { open[path] = Opening(at: now, isWritten: true) }
            if event.has(IN_CLOSE_WRITE) || event.has(IN_CLOSE_NOWRITE), let opening = open[path] {
                open[path] = opening.count > 1 ? opening.closed : nil
            }
            if event.has(IN_DELETE) || event.has(IN_MOVED_FROM) { open[path] = nil }
        }

        /// A file that is open and was written to; one that was only found to be written to counts for a while.
        func openFile(at now: Duration) -> String? {
            open.filter { _, opening in
                opening.count > 0 && opening.isWritten
                    && (!opening.isAssumed || now - opening.lastEvent < .seconds(60))
            }.keys.min()
        }
    }

    /// How often a file is open, and whether anybody has written to it.
    private struct Opening {
        var count = 0
        var isWritten = false
        var isAssumed = false
        var lastEvent: Duration

        init(at now: Duration, count: Int = 0, isWritten: Bool = false, isAssumed: Bool = false) {
            lastEvent = now
            self.count = count
            self.isWritten = isWritten
            self.isAssumed = isAssumed
        }

        var closed: Opening {
            var copy = self
            copy.count -= 1
            return copy
        }
    }

    /// `struct inotify_event`, in the machine's byte order.
    private struct Event {
        var watch: Int32
        var mask: UInt32
        var name: String

        /// Takes the first event of `bytes`; nil when there is none.
        init?(_ bytes: inout ArraySlice<UInt8>) {
            guard bytes.count >= 16 else { return nil }
            func word(_ index: Int) -> UInt32 {
                let start = bytes.startIndex + 4 * index
                return (0..<4).reduce(0) { $0 | UInt32(clamping: bytes[start + $1]) << UInt32(clamping: 8 * $1) }
            }
            watch = Int32(bitPattern: word(0))
            mask = word(1)
            let length = Int(clamping: word(3))
            name = String(decoding: bytes.dropFirst(16).prefix(length).prefix { $0 != 0 }, as: UTF8.self)
            bytes = bytes.dropFirst(16 + length)
        }

        func has(_ bit: some BinaryInteger) -> Bool { mask & UInt32(truncatingIfNeeded: bit) != 0 }

        /// Whether content, names or attributes have changed.
        var isChange: Bool {
            [IN_CREATE, IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_TO, IN_MOVED_FROM, IN_DELETE].contains {
                has($0)
            }
        }

        /// Whether something came that was not there.
        var isArrival: Bool { [IN_CREATE, IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_TO].contains { has($0) } }
    }
}

/// That something may have happened since the last look.
public final class Hint: Sendable {
    private let isGiven = Atomic(true)

    public init() {}

    public func give() { isGiven.store(true, ordering: .sequentiallyConsistent) }

    /// Whether it was given; afterwards it is not.
    public func take() -> Bool { isGiven.exchange(false, ordering: .sequentiallyConsistent) }
}
