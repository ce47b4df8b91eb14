/// The calls by which diffd changes what is on disk: each is one step that a crash can fall before or after.
///
/// Everything that must survive a crash is written as a sequence of these calls (see `writeDurably`, `publishDirectory`,
/// `removeDurably`), so that a test can stop the sequence at any of them and look at what a machine would find after
/// power came back. Reading is not part of the protocol: every implementation works on real directories, and the reading
/// functions in the extension are the same for all.
///
/// What the sequences rely on is what journalling file systems (ext4, XFS, Btrfs) promise:
/// - `rename` and `exchange` are atomic: after a crash they have happened or not;
/// - bytes are durable after `WritableFile.synchronize` or `synchronizeFile`, in part or not at all before;
/// - names (created, renamed, removed) are durable after `synchronizeDirectory` on the directory that holds them.
///
/// Every function throws a `Problem` that names the path: `diskFull`, `denied`, `missing`, or another by the system's
/// error number.
public protocol FileSystem: Sendable {
    /// Creates a file that must not exist and opens it for writing. `mode` is subject to the umask.
    func createFile(_ path: String, mode: UInt32) throws -> any WritableFile

    /// Opens a regular file for appending, creating it when it is missing. Follows no link.
    func openForAppending(_ path: String, mode: UInt32) throws -> any WritableFile

    /// Makes a directory that must not exist; its parent must.
    func createDirectory(_ path: String, mode: UInt32) throws

    /// Makes a symbolic link that must not exist. `target` may be relative to the link's directory.
    func createSymbolicLink(_ path: String, to target: String) throws

    /// Gives a file a second name, which must not exist: the way to move without replacing.
    func link(_ path: String, as newPath: String) throws

    /// Renames a file, link or directory, replacing a file or link, or an empty directory, at `newPath`.
    func rename(_ path: String, to newPath: String) throws

    /// Renames what has a name in `directory` that is not UTF-8.
    func rename(unreadable name: [UInt8], in directory: String, to newPath: String) throws

    /// Lets two names of one file system change places atomically.
    func exchange(_ path: String, with otherPath: String) throws

    /// Removes a name that is not a directory.
    func removeFile(_ path: String) throws

    /// Removes an empty directory.
    func removeDirectory(_ path: String) throws

    /// Makes the bytes of a file that somebody else has written durable.
    func synchronizeFile(_ path: String) throws

    /// Makes the names in a directory durable.
    func synchronizeDirectory(_ path: String) throws
}

/// A file that is open for writing; closed when its last reference goes.
public protocol WritableFile: AnyObject, Sendable {
    /// Writes all of the bytes, with one system call if the system takes them at once.
    func write(_ bytes: RawSpan) throws

    /// Makes what was written durable.
    func synchronize() throws

    /// Cuts the file off after `size` bytes.
    func truncate(to size: Int) throws

    /// The present size in bytes.
    func size() throws -> Int
}
