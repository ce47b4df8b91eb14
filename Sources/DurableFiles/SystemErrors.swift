import Glibc
public import Problems

/// Makes a system call, again for as long as a signal interrupts it, and throws its failure as a `Problem` that says
/// "cannot `action` `path`".
@discardableResult
func check<Value: SignedInteger>(_ action: String, _ path: String, _ call: () -> Value) throws -> Value {
    while true {
        let result = call()
        if result >= 0 { return result }
        let number = errno
        if number != EINTR { throw Problem(errno: number, cannot: action, path) }
    }
}

extension Problem {
    /// The failure of a system call on `path`.
    public init(errno number: Int32, cannot action: String, _ path: String) {
        let code: Code
        let remedy: String?
        switch number {
        case ENOENT, ENOTDIR:
            (code, remedy) = (.missing, "Check the path")
        case EACCES, EPERM:
            (code, remedy) = (.denied, "Check owner and permissions of the path and of the directories above it")
        case EROFS:
            (code, remedy) = (.denied, "The file system is mounted read-only; choose another place or remount it")
        case ELOOP:
            (code, remedy) = (.denied, "The path is a symbolic link; name the file itself")
        case ENOSPC, EDQUOT:
            (code, remedy) = (.diskFull, "Free some space on that file system, or raise the quota")
        case ENOMEM:
            (code, remedy) = (.outOfMemory, "Free some memory and try again")
        case EEXIST, ENOTEMPTY:
            (code, remedy) = (.invalid, "Remove what is there, or choose another name")
        case EISDIR:
            (code, remedy) = (.invalid, "The path is a directory; name a file")
        case ENAMETOOLONG:
            (code, remedy) = (.invalid, "Choose a shorter name")
        case EXDEV:
            (code, remedy) = (.unsupported, "Both paths must lie on one file system")
        case EMFILE, ENFILE:
            (code, remedy) = (.unavailable, "Raise the limit of open files")
        case EBUSY, EAGAIN, ETXTBSY:
            (code, remedy) = (.unavailable, "Try again when no other program uses it")
        default:
            (code, remedy) = (.io, nil)
        }
        self.init(code, "cannot \(action) \(path)", remedy: remedy, cause: String(cString: strerror(number)))
    }
}
