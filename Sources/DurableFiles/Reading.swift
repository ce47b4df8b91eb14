import Glibc
import Problems

extension FileSystem {
    /// The whole of a regular file, together with its status at the time it was opened.
    ///
    /// - Parameters:
    ///   - limit: a larger file is refused before it is read.
    ///   - followsLinks: whether the last component of the path may be a symbolic link.
    /// - Throws: `Problem` `missing`, `denied` (also for a link), `invalid` (not a regular file, too large).
    public func readWithStatus(
        _ path: String, limit: Int, followsLinks: Bool = false
    ) throws -> (bytes: [UInt8], status: FileStatus) {
        let file = try ReadableFile(path, followsLinks: followsLinks)
        // The file may grow while it is read: one byte beyond the limit tells.
        var bytes: [UInt8] = []
        var expected = file.status.size
        repeat {
            let offset = bytes.count
            guard max(expected, offset) <= limit else {
                throw Problem(
                    .invalid, "\(path) is larger than \(limit) bytes", remedy: "Give a smaller file",
                    cause: "\(max(expected, offset)) bytes")
            }
            let wanted = max(expected - offset, 0) + 1
            let part = try file.read(wanted, at: offset)
            bytes += part
            if part.count < wanted { return (bytes, file.status) }
            expected = max(bytes.count, min(limit, bytes.count + 65536))
        } while true
    }

    /// The whole of a regular file; see `readWithStatus`.
    public func read(_ path: String, limit: Int, followsLinks: Bool = false) throws -> [UInt8] {
        try readWithStatus(path, limit: limit, followsLinks: followsLinks).bytes
    }

    /// The status of what has this name, nil when nothing has.
    public func status(_ path: String, followsLinks: Bool = false) throws -> FileStatus? {
        var buffer = stat()
        let result = followsLinks ? stat(path, &buffer) : lstat(path, &buffer)
        if result == 0 { return FileStatus(buffer) }
        let number = errno
        if number == ENOENT || number == ENOTDIR { return nil }
        throw Problem(errno: number, cannot: "look at", path)
    }

    /// Whether the name stands for anything, be it a link to nowhere.
    public func exists(_ path: String) throws -> Bool {
        try status(path) != nil
    }

    public func list(_ path: String) throws -> DirectoryListing {
        guard let directory = opendir(path) else { throw Problem(errno: errno, cannot: "list", path) }
        defer { _ = closedir(directory) }  // nothing was written through it
        var listing = DirectoryListing(entries: [], unreadable: [])
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                let number = errno
                if number != 0 { throw Problem(errno: number, cannot: "list", path) }
                break
            }
            // By address: the record ends with the name's zero byte, before the end of the array that d_name is declared as.
            let start = (UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!)
                .assumingMemoryBound(to: CChar.self)
            guard let name = String(validatingCString: start) else {
                let bytes = UnsafeRawBufferPointer(start: start, count: strlen(start))
                listing.unreadable.append(.init(bytes: [UInt8](bytes)))
                continue
            }
            if name == "." || name == ".." { continue }
            let kind: FileKind
            switch Int32(clamping: entry.pointee.d_type) {
            case Int32(DT_REG): kind = .regular
            case Int32(DT_DIR): kind = .directory
            case Int32(DT_LNK): kind = .symbolicLink
            case Int32(DT_UNKNOWN):
                // Removed since it was listed: then it is not there.
                guard let status = try status(Path.join(path, name)) else { continue }
                kind = status.kind
            default: kind = .special
            }
            listing.entries.append(.init(name: name, kind: kind))
        }
        listing.entries.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        listing.unreadable.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        return listing
    }

    /// Where a symbolic link points to, as it is written in the link.
    public func symbolicLinkTarget(_ path: String) throws -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = try check("read the link", path) {
            buffer.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
        }
        guard let target = String(validating: buffer[..<count], as: UTF8.self) else {
            throw Problem(.invalid, "the link \(path) points to a name that is not UTF-8", remedy: "Rename its target")
        }
        return target
    }

    /// The absolute path with every link resolved; the file must exist.
    public func resolved(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else { throw Problem(errno: errno, cannot: "resolve", path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

extension FileSystem {
    /// The offset behind the last line feed in the first `size` bytes of a file; 0 when there is none.
    func endOfLastLine(_ path: String, size: Int) throws -> Int {
        let file = try ReadableFile(path)
        let blockSize = 65536
        var end = size
        while end > 0 {
            let start = max(0, end - blockSize)
            let block = try file.read(end - start, at: start)
            if let index = block.lastIndex(of: UInt8(ascii: "\n")) { return start + index + 1 }
            end = start
        }
        return 0
    }
}
