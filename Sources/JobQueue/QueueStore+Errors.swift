import Foundation
import GRDB
import Glibc
import Problems

/// What goes wrong with the store, in words.
extension QueueStore {
    static func problem(_ error: any Error, _ path: String) -> Problem {
        if let problem = error as? Problem { return problem }
        guard let error = error as? DatabaseError else {
            return Problem(.internal, "the queue's store failed", file: path, cause: String(describing: error))
        }
        let cause = error.message ?? String(describing: error.resultCode)
        switch error.resultCode.primaryResultCode {
        // An SQL error is one of the schema: the statements are always the same.
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_CONSTRAINT, .SQLITE_MISMATCH:
            return Problem(
                .corrupt, "the queue's store is damaged or not a store",
                remedy:
                    "Stop diffd and run `diffctl doctor --rebuild`: it keeps the file and makes a new store from the job directories, in "
                    + "which those that had not ended are held.",
                file: path, cause: cause)
        case .SQLITE_FULL:
            return Problem(.diskFull, "no space for the queue's store", remedy: "Make space.", file: path, cause: cause)
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY, .SQLITE_AUTH:
            return Problem(
                .denied, "the queue's store cannot be opened for writing",
                remedy: "Give the user of diffd the right to write it and its directory.", file: path, cause: cause)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return Problem(
                .unavailable, "another program has locked the queue's store", remedy: "End that program.", file: path,
                cause: cause)
        case .SQLITE_IOERR where freeSpace(path) < 1 << 20:
            return Problem(.diskFull, "no space for the queue's store", remedy: "Make space.", file: path, cause: cause)
        case .SQLITE_IOERR:
            return Problem(.io, "reading or writing the queue's store failed", file: path, cause: cause)
        default:
            return Problem(.internal, "the queue's store failed", file: path, cause: cause)
        }
    }

    /// Bytes; SQLite calls it an I/O error when there is none for the index of its log.
    private static func freeSpace(_ path: String) -> Int {
        var status = statvfs()
        guard statvfs((path as NSString).deletingLastPathComponent, &status) == 0 else { return .max }
        return Int(clamping: UInt64(clamping: status.f_bavail) *| UInt64(clamping: status.f_frsize))
    }
}
