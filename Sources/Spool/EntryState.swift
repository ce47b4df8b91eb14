package import DurableFiles
import Glibc
import Problems

extension FileStatus {
    /// A drop's identity: which file, and which content.
    package var dropToken: String { "\(identity.device):\(identity.inode):\(modified):\(size)" }
}

/// What an entry of `incoming/` looks like; it has been quiet for as long as this stays the same.
struct EntryState: Hashable {
    /// More files than this, or deeper, is refused.
    static let maximumCount = 1_000_000
    static let maximumDepth = 32

    let status: FileStatus
    /// Of a directory: the number of things in it, at any depth, their bytes, and the newest change.
    private(set) var count = 0
    private(set) var bytes = 0
    private(set) var newest: Int64 = 0
    /// Why the directory can never be accepted.
    private(set) var problem: Problem?

    /// Nil when the entry is gone.
    init?(_ layout: SpoolLayout, _ name: String, _ files: any FileSystem) throws {
        let path = Path.join(layout.incoming, name)
        guard let status = try files.status(path) else { return nil }
        self.status = status
        guard status.kind == .directory else { return }
        // Who moves a directory writes into it: its `..` becomes another.
        if access(path, R_OK | W_OK | X_OK) != 0 {
            let cause = String(cString: strerror(errno))
            problem = Problem(
                .denied, "the directory \(name) cannot be taken in: diffd may not read it or write into it",
                remedy: "chmod -R g+rwX it, with the group of incoming/, and drop it again.", file: name, cause: cause)
            return
        }
        do {
            try add(path, name, depth: 1, files)
        } catch let problem as Problem where problem.code == .denied {
            self.problem = problem.inFile(name)
        }
    }

    var token: String { status.dropToken }

    private mutating func add(_ path: String, _ shown: String, depth: Int, _ files: any FileSystem) throws {
        let listing = try files.list(path)
        if let name = listing.unreadableNames.first {
            refuse(.invalid, "\(shown) holds a name that is not UTF-8: \(name)", "Rename it.", shown)
        }
        for entry in listing.entries {
            // Gone since it was listed: the next look sees another state.
            guard let status = try files.status(Path.join(path, entry.name)) else { continue }
            let inner = "\(shown)/\(entry.name)"
            count += 1
            bytes += status.size
            newest = max(newest, status.modified)
            if status.kind == .special {
                refuse(.denied, "\(inner) is neither file, directory nor link", "Remove it.", inner)
            }
            if depth == 1, entry.name == "job.json", status.kind != .regular {
                refuse(.denied, "\(inner) is not a regular file", "Put the job file itself there.", inner)
            }
            guard count < Self.maximumCount else {
                return refuse(
                    .invalid, "\(shown) holds more than \(Self.maximumCount) files", "Name their path in the job.",
                    shown)
            }
            guard status.kind == .directory else { continue }
            guard depth < Self.maximumDepth else {
                return refuse(
                    .invalid, "\(shown) nests deeper than \(Self.maximumDepth) directories", "Flatten it.", shown)
            }
            try add(Path.join(path, entry.name), inner, depth: depth + 1, files)
        }
    }

    private mutating func refuse(_ code: Problem.Code, _ message: String, _ remedy: String, _ file: String) {
        problem = problem ?? Problem(code, message, remedy: remedy, file: file)
    }
}
