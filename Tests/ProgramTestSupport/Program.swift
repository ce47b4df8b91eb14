import DurableFiles
import Glibc
import Problems

/// A program of the package, as it was built together with the running tests.
public enum Program: String, Sendable {
    case daemon = "diffd"
    case worker = "diffd-worker"
    case control = "diffctl"

    /// Where it lies: beside the tests' own executable.
    public var path: String {
        get throws {
            let directory = Path.parent(try PosixFileSystem().symbolicLinkTarget("/proc/self/exe"))
            let path = Path.join(directory, rawValue)
            guard access(path, X_OK) == 0 else {
                throw Problem(
                    .missing, "\(rawValue) is not in \(directory)", remedy: "Build the whole package: swift build.")
            }
            return path
        }
    }
}
