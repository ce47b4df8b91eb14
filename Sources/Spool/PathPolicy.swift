public import DurableFiles
public import Problems

/// Which files a job may read: those in the spool and in `allowedPaths`, after all links are resolved.
public struct PathPolicy: Sendable {
    private let files: any FileSystem
    private let allowed: [String]

    /// - Parameters:
    ///   - spool: the spool's root, which must exist.
    ///   - allowedPaths: further directories; one that does not exist allows nothing.
    public init(spool: String, allowedPaths: [String], in files: any FileSystem) throws {
        self.files = files
        var allowed = [try files.resolved(spool)]
        for path in allowedPaths where try files.status(path, followsLinks: true) != nil {
            allowed.append(try files.resolved(path))
        }
        self.allowed = allowed
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
            try permit(deepestExisting(Path.join(base, path)), for: path)
            if problem.code == .missing {
                throw Problem(
                    .missing, "there is no \(path)",
                    remedy: "Check the path; relative ones start from \(base).", cause: problem.cause)
            }
            throw Problem(problem.code, "\(path) cannot be reached", remedy: problem.remedy, cause: problem.cause)
        } catch {
            throw Problem(.io, "\(path) cannot be resolved", remedy: "Check the path.", cause: "\(error)")
        }
        try permit(resolved, for: path)
        return resolved
    }

    private func permit(_ resolved: String, for path: String) throws(Problem) {
        let isAllowed = allowed.contains { resolved == $0 || resolved.hasPrefix($0.hasSuffix("/") ? $0 : $0 + "/") }
        guard !isAllowed else { return }
        throw Problem(
            .denied, "\(path) lies outside the spool and the allowed paths",
            remedy:
                "Move it into the spool, drop it together with the job in a directory, or have its directory added to "
                + "allowed_paths in diffd.yaml.", cause: resolved == path ? nil : "it is \(resolved)")
    }

    /// The directory above a missing file that exists, without links.
    private func deepestExisting(_ path: String) -> String {
        var parent = Path.parent(path)
        while parent != "/", parent != "." {
            // Missing too: the one above is tried.
            if let resolved = try? files.resolved(parent) { return resolved }
            parent = Path.parent(parent)
        }
        return "/"
    }
}
