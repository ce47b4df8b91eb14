import CLandlock
import Glibc
import Problems

/// A bound that the kernel keeps (Landlock, landlock(7)), whatever links and exchanged directories make of a path.
public enum ReadConfinement {
    /// From now on the calling thread, and all that it starts, may read only the files and what lies below the directories that `paths`
    /// name, for good. What is open stays open; writing is not affected, though it cannot move a file to another directory. A path
    /// that does not exist allows nothing.
    ///
    /// - Returns: whether it is so; not where the kernel has no Landlock or a filter of system calls is before it. Nothing has changed then.
    public static func begin(_ paths: [String]) throws -> Bool {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        for path in paths {
            let descriptor = clandlock_name(path)
            if descriptor >= 0 { descriptors.append(descriptor) }
        }
        let result = clandlock_read_only_below(descriptors, Int32(descriptors.count))
        switch -result {
        case 0: return true
        case ENOSYS, EOPNOTSUPP, EPERM: return false
        default: throw Problem(errno: -result, cannot: "restrict the worker to", paths.joined(separator: ", "))
        }
    }
}
