package import DurableFiles
import Glibc
import JobSpec
import Problems

extension FileStatus {
    /// A drop's identity: which file, and which content.
    package var dropToken: String { "\(identity.device):\(identity.inode):\(modified):\(size)" }
}

/// What an entry of `incoming/` looks like; it has been quiet for as long as this stays the same.
struct EntryState: Equatable {
    /// More files than this, or deeper, is refused.
    static let maximumCount = 1_000_000
    static let maximumDepth = 32

    let status: FileStatus
    /// Of a directory: of the path, kind, size, times, owner and rights of everything in it, at any depth.
    let fingerprint: Int
    /// Of a directory: what is in it, at any depth.
    let inputs: TakenInputs
    /// Of a directory: how many things are in it, at any depth.
    let count: Int
    /// Of a directory: those in it, at any depth, as absolute paths.
    let directories: [String]
    /// Why the directory can never be accepted.
    let problem: Problem?

    /// Nil when the entry is gone.
    init?(_ layout: SpoolLayout, _ name: String, _ files: any FileSystem) throws {
        let path = Path.join(layout.incoming, name)
        guard let status = try files.status(path) else { return nil }
        self.status = status
        var walk = DropWalk(files)
        if status.kind == .directory {
            // Who moves a directory writes into it: its `..` becomes another.
            if access(path, R_OK | W_OK | X_OK) != 0 {
                walk.problem = Problem(
                    .denied, "the directory \(name) cannot be taken in: diffd may not read it or write into it",
                    remedy: "chmod -R g+rwX it, with the group of incoming/, and drop it again.", file: name,
                    cause: String(cString: strerror(errno)))
            } else {
                try walk.visit(path, shown: name, inner: ".", depth: 1)
            }
        }
        fingerprint = walk.fingerprint
        inputs = walk.inputs
        count = walk.count
        directories = walk.directories
        problem = walk.problem
    }

    var token: String { status.dropToken }

    static func == (a: EntryState, b: EntryState) -> Bool {
        a.status == b.status && a.fingerprint == b.fingerprint && a.problem == b.problem
    }
}

/// What is in a directory that was dropped, or in the inputs of a job.
struct DropWalk {
    private let files: any FileSystem
    private var hasher = Hasher()
    private(set) var inputs = TakenInputs()
    private(set) var count = 0
    private(set) var directories: [String] = []
    /// The first.
    var problem: Problem?

    init(_ files: any FileSystem) { self.files = files }

    var fingerprint: Int {
        let copy = hasher
        return copy.finalize()
    }

    /// Goes through a directory.
    ///
    /// - Parameters:
    ///   - shown: its path from `incoming/`, for problems.
    ///   - inner: its path from the drop, for the inventory.
    mutating func visit(_ path: String, shown: String, inner: String, depth: Int) throws {
        directories.append(path)
        let listing: DirectoryListing
        do {
            listing = try files.list(path)
        } catch let problem as Problem where problem.code == .denied {
            return refuse(problem.inFile(shown))
        } catch let problem as Problem where problem.code == .missing {
            // Gone since it was listed: the next look sees another state.
            return hasher.combine(inner)
        }
        if let name = listing.unreadableNames.first {
            refuse(.invalid, "\(shown) holds a name that is not UTF-8: \(name)", "Rename it.", shown)
        }
        var filesHere = 0
        for entry in listing.entries {
            let child = Path.join(path, entry.name)
            guard let status = try files.status(child) else { continue }
            let place = "\(shown)/\(entry.name)"
            hasher.combine(inner)
            hasher.combine(entry.name)
            hasher.combine(status)
            count += 1
            guard count < EntryState.maximumCount else {
                return refuse(
                    .invalid, "\(shown) holds more than \(EntryState.maximumCount) files",
                    "Name their path in the job.", shown)
            }
            if depth == 1, entry.name == "job.json", status.kind != .regular {
                refuse(.denied, "\(place) is not a regular file", "Put the job file itself there.", place)
            }
            switch status.kind {
            case .special: refuse(.denied, "\(place) is neither file, directory nor link", "Remove it.", place)
            case .symbolicLink: break
            case .regular:
                filesHere += 1
                inputs.files += 1
                inputs.bytes +|= status.size
                if access(child, R_OK) != 0 {
                    refuse(
                        .denied, "\(place) cannot be read by diffd",
                        "chmod -R g+rX the directory, with the group of incoming/, and drop it again.", place)
                }
            case .directory:
                guard depth < EntryState.maximumDepth else {
                    refuse(
                        .invalid, "\(shown) nests deeper than \(EntryState.maximumDepth) directories", "Flatten it.",
                        shown)
                    continue
                }
                try visit(
                    child, shown: place, inner: inner == "." ? entry.name : "\(inner)/\(entry.name)", depth: depth + 1)
            }
        }
        if filesHere > 0, inputs.folders.count < TakenInputs.folderLimit { inputs.folders[inner] = filesHere }
    }

    private mutating func refuse(_ code: Problem.Code, _ message: String, _ remedy: String, _ file: String) {
        refuse(Problem(code, message, remedy: remedy, file: file))
    }

    private mutating func refuse(_ problem: Problem) { self.problem = self.problem ?? problem }
}
