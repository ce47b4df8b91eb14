import Glibc
import Media
import Problems

/// The files below a directory.
public struct FolderListing {
    /// Throws where a path, absolute and without links, may not be read.
    public typealias Permit = @Sendable (_ path: String) throws -> Void

    let root: String
    /// Paths relative to the directory, in the order of their bytes.
    private(set) var files: [String] = []
    /// The directories right below it, in the order of their names' bytes.
    private(set) var folders: [String] = []
    /// Links to directories that they lie in, which are not followed.
    private(set) var loops: [String] = []
    /// Links that cannot be followed.
    private(set) var problems: [Problem] = []

    private let permit: Permit?
    private static let deepest = 32

    /// Lists `root` to any depth, without names that begin with a dot. Links are followed.
    ///
    /// - Parameter permit: judges links that lead out of `root`; nil: they are refused, since they could show files
    ///   that were never meant to be seen.
    /// - Throws: a `Problem`: `missing`, `denied` or `io` for a directory that cannot be listed; `invalid` for a name
    ///   that is not UTF-8, and for directories nested without end.
    init(_ root: String, permit: Permit? = nil) throws {
        guard let real = Self.realPath(root) else { throw FileBytes.failure(root, errno) }
        self.root = root
        self.permit = permit
        try list("", in: [real])
        files.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        folders.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        loops.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// - Parameter directories: from the root to the one that is listed, without links.
    private mutating func list(_ prefix: String, in directories: [String]) throws {
        let directory = prefix.isEmpty ? root : "\(root)/\(prefix)"
        guard directories.count <= Self.deepest else {
            throw Problem(
                .invalid, "directories are nested deeper than \(Self.deepest)", remedy: "Flatten them.", file: directory
            )
        }
        for name in try Self.names(in: directory) where !name.hasPrefix(".") {
            let relative = prefix.isEmpty ? name : "\(prefix)/\(name)"
            let path = "\(root)/\(relative)"
            var status = stat()
            guard lstat(path, &status) == 0 else { throw FileBytes.failure(path, errno) }
            var real = "\(directories[directories.count - 1])/\(name)"
            if status.st_mode & S_IFMT == S_IFLNK {
                do {
                    real = try target(of: path, inside: directories[0])
                } catch let problem as Problem {
                    problems.append(problem)
                    continue
                }
                guard stat(path, &status) == 0 else { throw FileBytes.failure(path, errno) }
            }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                files.append(relative)
                continue
            }
            if directories.contains(real) {
                loops.append(relative)
                continue
            }
            if prefix.isEmpty { folders.append(name) }
            try list(relative, in: directories + [real])
        }
    }

    /// What a link stands for, where it may be read.
    private func target(of link: String, inside root: String) throws -> String {
        guard let target = Self.realPath(link) else {
            if errno == ENOENT {
                throw Problem(
                    .missing, "the link leads nowhere", remedy: "Put the file itself there, or remove the link.",
                    file: link)
            }
            throw FileBytes.failure(link, errno)
        }
        if target == root || target.hasPrefix(root + "/") { return target }
        do {
            guard let permit else {
                throw Problem(.denied, "it lies elsewhere", remedy: "Put the file itself there.")
            }
            try permit(target)
        } catch let problem as Problem {
            throw Problem(
                .denied, "the link leads out of the directory", remedy: problem.remedy, file: link,
                cause: "it stands for \(target)")
        }
        return target
    }

    private static func names(in directory: String) throws -> [String] {
        guard let stream = opendir(directory) else { throw FileBytes.failure(directory, errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw FileBytes.failure(directory, errno) }
                return names
            }
            // By address: the record may end before the array that d_name is declared as.
            let start = (UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!)
                .assumingMemoryBound(to: CChar.self)
            guard let name = String(validatingCString: start) else {
                throw Problem(
                    .invalid, "a file name is not UTF-8: \"\(String(cString: start))\"", remedy: "Rename the file.",
                    file: directory)
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    /// The path without links; nil with `errno` set.
    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
