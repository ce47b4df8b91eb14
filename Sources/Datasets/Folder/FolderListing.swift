import Glibc
import Media
import Problems

/// The files below a directory.
struct FolderListing {
    /// Paths relative to the directory, in the order of their bytes.
    private(set) var files: [String] = []
    /// Links to directories, which are not followed.
    private(set) var linkedDirectories: [String] = []

    private static let deepest = 32

    /// Lists `root` to any depth, without names that begin with a dot.
    ///
    /// - Throws: a `Problem`: `missing`, `denied` or `io` for a directory that cannot be listed; `denied` for a link that leads out
    ///   of `root`, which could show files that were never meant to be seen; `invalid` for a name that is not UTF-8, and for
    ///   directories nested without end.
    init(_ root: String) throws {
        guard let real = Self.realPath(root) else { throw FileBytes.failure(root, errno) }
        try list(root, "", inside: real, depth: 0)
        files.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        linkedDirectories.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private mutating func list(_ root: String, _ prefix: String, inside real: String, depth: Int) throws {
        let directory = prefix.isEmpty ? root : "\(root)/\(prefix)"
        guard depth < Self.deepest else {
            throw Problem(
                .invalid, "directories are nested deeper than \(Self.deepest)", remedy: "Flatten them.", file: directory
            )
        }
        for name in try Self.names(in: directory) where !name.hasPrefix(".") {
            let relative = prefix.isEmpty ? name : "\(prefix)/\(name)"
            let path = "\(root)/\(relative)"
            var status = stat()
            guard lstat(path, &status) == 0 else { throw FileBytes.failure(path, errno) }
            let isLink = status.st_mode & S_IFMT == S_IFLNK
            if isLink {
                guard let target = Self.realPath(path), stat(path, &status) == 0 else {
                    throw FileBytes.failure(path, errno)
                }
                guard target == real || target.hasPrefix(real + "/") else {
                    throw Problem(
                        .denied, "the link leads out of the directory", remedy: "Put the file itself there.",
                        file: path,
                        cause: "it stands for \(target)")
                }
            }
            switch status.st_mode & S_IFMT {
            case S_IFDIR where isLink: linkedDirectories.append(relative)
            case S_IFDIR: try list(root, relative, inside: real, depth: depth + 1)
            default: files.append(relative)
            }
        }
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
