import CLandlock
import Glibc
import Problems

/// A bound that the kernel keeps (Landlock, landlock(7)), whatever links and exchanged directories make of a path.
public enum ReadConfinement {
    /// From now on the calling thread, and all that it starts, may read only the files and what lies below the directories that `paths`
    /// name, for good. What is open stays open; writing is not affected, though it cannot move a file to another directory. A path
    /// that does not exist allows nothing, nor does a link.
    ///
    /// - Parameter listed: directories of which, and of those below, only the names may be read.
    /// - Returns: whether it is so; not where the kernel has no Landlock or a filter of system calls is before it. Nothing has changed then.
    public static func begin(_ paths: [String], listed: [String] = []) throws -> Bool {
        func descriptors(_ paths: [String]) -> [Int32] { paths.map { clandlock_name($0) }.filter { $0 >= 0 } }
        let (read, named) = (descriptors(paths), descriptors(listed))
        defer { for descriptor in read + named { close(descriptor) } }
        let result = clandlock_read_only_below(
            read + named, Int32(clamping: read.count + named.count), Int32(clamping: named.count))
        switch -result {
        case 0: return true
        case ENOSYS, EOPNOTSUPP, EPERM: return false
        default: throw Problem(errno: -result, cannot: "restrict the worker to", paths.joined(separator: ", "))
        }
    }

    /// A Landlock ruleset for a child process that may read and run what lies below `paths`, links resolved, and change
    /// nothing: a descriptor that the caller closes, or nil as above. A path that does not exist allows nothing.
    package static func sealed(_ paths: [String]) throws -> Int32? {
        let descriptors = paths.map { clandlock_target($0) }.filter { $0 >= 0 }
        defer { for descriptor in descriptors { close(descriptor) } }
        let result = clandlock_sealed(descriptors, Int32(clamping: descriptors.count))
        switch -result {
        case ENOSYS, EOPNOTSUPP, EPERM: return nil
        case 1...: throw Problem(errno: -result, cannot: "restrict a helper program to", paths.joined(separator: ", "))
        default: return result
        }
    }
}
