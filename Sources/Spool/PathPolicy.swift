public import DurableFiles
public import Problems
import StrictJSON

/// Which files a job may read: those in the spool and in `allowedPaths`, after all links are resolved, but nothing that somebody else has
/// dropped for a job of his.
public struct PathPolicy: Sendable {
    private let files: any FileSystem
    private let spool: SpoolLayout
    private let allowed: [String]
    /// Where the job's own files lie.
    private var own: String?
    /// Whose job it is.
    private var owner: String?

    /// - Parameters:
    ///   - spool: the spool's root, which must exist.
    ///   - allowedPaths: further directories; one that cannot be used (`fault`) allows nothing.
    ///   - own: the job's directory, which tells its owner; nil where there is none yet.
    public init(spool: String, allowedPaths: [String], own: String? = nil, in files: any FileSystem) throws {
        self.files = files
        self.spool = SpoolLayout(root: try files.resolved(spool))
        self.own = try own.map(files.resolved)
        var allowed = [self.spool.root]
        for path in allowedPaths where Self.fault(ofAllowed: path, in: files) == nil {
            allowed.append(try files.resolved(path))
        }
        self.allowed = allowed
        owner = own.flatMap(owner(of:))
    }

    /// What keeps one of the allowed paths from allowing anything; nil for one that can be reached.
    public static func fault(ofAllowed path: String, in files: any FileSystem) -> Problem? {
        do {
            if try files.status(path, followsLinks: true) != nil {
                _ = try files.resolved(path)
                return nil
            }
            return Problem(
                .missing, "\(path) in allowed_paths is missing: it allows nothing",
                remedy: "Make the directory, or take it out of diffd.yaml.")
        } catch {
            return Problem(
                .denied, "\(path) in allowed_paths cannot be reached: it allows nothing",
                remedy: "Let diffd's user read it. What lies in /home is hidden from the service: to show it, "
                    + "systemctl edit diffd, and in [Service] BindReadOnlyPaths=\(path).", cause: "\(error)")
        }
    }

    /// The same for a job of `owner` whose files lie in `directory`, as long as that is there.
    func of(_ owner: String?, in directory: String?) -> PathPolicy {
        var policy = self
        policy.owner = owner
        policy.own = directory.flatMap { try? files.resolved($0) }
        return policy
    }

    /// Who submitted the job of a directory; nil where that cannot be told.
    private func owner(of directory: String) -> String? {
        guard let bytes = try? files.read(Path.join(directory, JobFiles.acceptance), limit: 1 << 20) else { return nil }
        return (try? JSONText.decode(Acceptance.self, from: bytes))?.owner
    }

    /// The absolute path, without links, of what `path` names.
    ///
    /// - Parameter base: the absolute path of the directory that relative paths start from.
    /// - Throws: `missing` when there is no such file, `denied` when it lies elsewhere.
    public func resolve(_ path: String, base: String) throws(Problem) -> String {
        let resolved: String
        do {
            resolved = try files.resolved(Path.join(base, path))
        } catch let problem as Problem {
            // Outside, not even whether a file exists is told.
            try permit(withoutLinks(Path.join(base, path)), for: path)
            if problem.code == .missing {
                throw Problem(
                    .missing, "there is no \(path)",
                    remedy: "Check the path; relative ones start from \(base).", cause: problem.cause)
            }
            throw Problem(problem.code, "\(path) cannot be reached", remedy: problem.remedy, cause: problem.cause)
        } catch {
            throw Problem(.io, "\(path) cannot be resolved", remedy: "Check the path.", cause: error.systemReason)
        }
        try permit(resolved, for: path)
        return resolved
    }

    private func permit(_ resolved: String, for path: String) throws(Problem) {
        let cause = resolved == path ? nil : "it is \(resolved)"
        guard allowed.contains(where: { resolved == $0 || resolved.isBelow($0) }) else {
            throw Problem(
                .denied, "\(path) lies outside the spool and the allowed paths",
                remedy:
                    "Move it into the spool, drop it together with the job in a directory, or have its directory added to "
                    + "allowed_paths in diffd.yaml.", cause: cause)
        }
        if let own, resolved == own || resolved.isBelow(own) { return }
        if let owner, let job = spool.jobWithInputs(resolved), self.owner(of: job) == owner { return }
        guard !spool.isClosed(resolved) else {
            throw Problem(
                .denied, "\(path) is the queue's or another job's",
                remedy: "Drop the files together with the job in a directory, or keep them elsewhere in the spool.",
                cause: cause)
        }
    }

    /// The path of a missing file, without links as far as it exists.
    private func withoutLinks(_ path: String) -> String {
        var parent = Path.parent(path)
        while parent != "/", parent != "." {
            // Missing too: the one above is tried.
            if let resolved = try? files.resolved(parent) {
                return resolved + String(Substring(path.utf8.dropFirst(parent.utf8.count)))
            }
            parent = Path.parent(parent)
        }
        return path
    }
}
