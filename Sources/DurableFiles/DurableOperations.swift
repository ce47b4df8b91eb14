import Problems

extension FileSystem {
    /// Replaces or creates a file: afterwards, and after a crash at any moment, the name stands for the whole new content or
    /// for what it stood for before.
    public func writeDurably(
        _ bytes: [UInt8], to path: String, mode: UInt32 = 0o666, durability: Durability = .synchronized
    ) throws {
        var writer = try DurableFileWriter(path, in: self, mode: mode, durability: durability)
        try writer.write(bytes)
        try writer.commit()
    }

    /// Replaces or creates a file for readers that may look at any time, without waiting for the disk: for progress that
    /// is written again in a second.
    public func writeAtomically(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o666) throws {
        try writeDurably(bytes, to: path, mode: mode, durability: .deferred)
    }

    /// Makes `path` a symbolic link to `target`, replacing a link or file of that name: afterwards, and after a crash at any
    /// moment, it is the new link or what it was before.
    public func linkDurably(_ path: String, to target: String) throws {
        let temporary = TemporaryName.beside(path)
        try createSymbolicLink(temporary, to: target)
        try cleaningUp(temporary) { try rename(temporary, to: path) }
        try synchronizeDirectory(Path.parent(path))
    }

    /// Makes a directory and those above it that are missing, durably.
    public func createDirectoriesDurably(_ path: String, mode: UInt32 = 0o777) throws {
        if let status = try status(path, followsLinks: true) {
            guard status.kind == .directory else {
                throw Problem(.invalid, "\(path) is not a directory", remedy: "Remove what is there")
            }
            return
        }
        let parent = Path.parent(path)
        try createDirectoriesDurably(parent, mode: mode)
        do {
            try createDirectory(path, mode: mode)
        } catch {
            // Another process may have made it in the meantime.
            guard try status(path, followsLinks: true)?.kind == .directory else { throw error }
        }
        try synchronizeDirectory(parent)
    }

    /// Moves a file, link or directory within one file system. Nothing may have the new name: the caller has looked, and is
    /// the only one who makes such names.
    public func moveDurably(_ path: String, to newPath: String) throws {
        guard try !exists(newPath) else {
            throw Problem(
                .invalid, "cannot move \(path): \(newPath) exists",
                remedy: "Remove what is there, or choose another name")
        }
        try rename(path, to: newPath)
        // The new name first: if only one of the two becomes durable, it is not the loss of the old one.
        try synchronizeDirectory(Path.parent(newPath))
        if Path.parent(path) != Path.parent(newPath) { try synchronizeDirectory(Path.parent(path)) }
    }

    /// Removes a file, link or directory with all that it holds; nothing to do when it is not there. The name goes first and
    /// at once, so that a crash never leaves half a directory under it.
    public func removeDurably(_ path: String) throws {
        guard let status = try status(path) else { return }
        if status.kind == .directory {
            let temporary = TemporaryName.beside(path)
            try rename(path, to: temporary)
            try synchronizeDirectory(Path.parent(path))
            try removeTree(temporary)
        } else {
            try removeFile(path)
            try synchronizeDirectory(Path.parent(path))
        }
    }

    /// Removes a file, link or directory with all that it holds, without waiting for the disk and not at once.
    func removeTree(_ path: String) throws {
        guard try status(path)?.kind == .directory else { return try removeFile(path) }
        let listing = try list(path)
        if let name = listing.unreadableNames.first {
            throw Problem(
                .unsupported, "cannot remove \(path): it holds a name that is not UTF-8, \(name)",
                remedy: "Remove that file by hand")
        }
        for entry in listing.entries {
            let child = Path.join(path, entry.name)
            if entry.kind == .directory { try removeTree(child) } else { try removeFile(child) }
        }
        try removeDirectory(path)
    }

    /// Runs a step that uses up a temporary; when it fails, removes the temporary.
    func cleaningUp<Result>(_ temporary: String, _ step: () throws -> Result) throws -> Result {
        do {
            return try step()
        } catch {
            // The step's failure is the one to tell; a temporary that stays is removed at the next start.
            try? removeTree(temporary)
            throw error
        }
    }
}
