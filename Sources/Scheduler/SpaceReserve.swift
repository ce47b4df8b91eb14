import DurableFiles
import Problems

/// A file beside the store that is there to be removed: on a disk that somebody has filled to the last byte, the store
/// cannot even be opened
/// without the space that it gives.
struct SpaceReserve {
    /// Bytes: the index of SQLite's log, and some changes.
    private static let size = 512 << 10
    private let path: String
    private let files = PosixFileSystem()

    init(_ stateDirectory: String) { path = Path.join(stateDirectory, "reserve") }

    /// Makes the file, unless it is there.
    func fill() throws {
        guard try !files.exists(path) else { return }
        try files.writeAtomically([UInt8](repeating: 0xFF, count: Self.size), to: path, mode: 0o600)
    }

    /// Gives the space away; false where there was none.
    func release() throws -> Bool {
        guard try files.exists(path) else { return false }
        try files.removeFile(path)
        return true
    }
}
