import Glibc

/// An empty directory of a test's own, removed with all that it holds when the last reference goes.
public final class TemporaryDirectory: Sendable {
    /// Absolute, without links.
    public let path: String

    public init() throws {
        // Short, wherever TMPDIR is: a socket's path may have 107 bytes.
        var template = Array("/tmp/diffd-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil, let path = realpath(template, nil) else { throw SystemFailure(number: errno) }
        defer { free(path) }
        self.path = String(cString: path)
    }

    /// A path in the directory.
    public func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    deinit { removeTree(path) }
}

/// A failed system call in a test's scaffold.
public struct SystemFailure: Error, CustomStringConvertible {
    public var number: Int32

    public var description: String { String(cString: strerror(number)) }
}

/// Removes a file, link or directory with all that it holds. What cannot be removed stays: it is in /tmp, and the test has
/// had its result.
func removeTree(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR {
        chmod(path, 0o700)
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                // By address: the record may end before the array that d_name is declared as.
                let start = UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
                let name = String(cString: start.assumingMemoryBound(to: CChar.self))
                if name != ".", name != ".." { removeTree("\(path)/\(name)") }
            }
            closedir(directory)
        }
        rmdir(path)
    } else {
        unlink(path)
    }
}
