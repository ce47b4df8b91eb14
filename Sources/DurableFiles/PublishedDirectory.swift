import Problems

extension FileSystem {
    /// Makes a directory appear under its name all at once, when all that it holds is on disk; replaces an old one.
    ///
    /// Steps: make a temporary directory beside it, let `fill` write into that, fsync every file and directory, rename it to
    /// `path` (or let it change places with the old one), fsync the parent, remove the old one. After a crash at any moment
    /// `path` is the whole new directory or what it was before; what else is left has a temporary name.
    ///
    /// - Parameter fill: gets the temporary directory's path. It may write there by any means; `writeAtomically` and
    ///   `DurableFileWriter` with `.deferred` are enough.
    public func publishDirectory<Result>(
        _ path: String, mode: UInt32 = 0o777, _ fill: (_ temporary: String) throws -> Result
    ) throws -> Result {
        let temporary = TemporaryName.beside(path)
        try createDirectory(temporary, mode: mode)
        let (result, replaces) = try cleaningUp(temporary) {
            let result = try fill(temporary)
            try synchronizeTree(temporary)
            let replaces = try exists(path)
            if replaces {
                try exchange(temporary, with: path)
            } else {
                try rename(temporary, to: path)
            }
            return (result, replaces)
        }
        try synchronizeDirectory(Path.parent(path))
        if replaces { try removeTree(temporary) }
        return result
    }

    /// Makes a directory, all that it holds, and all that those hold durable; not the directory's own name.
    public func synchronizeTree(_ path: String) throws {
        let listing = try list(path)
        if let name = listing.unreadableNames.first {
            throw Problem(.unsupported, "cannot publish \(path): it holds a name that is not UTF-8, \(name)")
        }
        for entry in listing.entries {
            let child = Path.join(path, entry.name)
            switch entry.kind {
            case .directory: try synchronizeTree(child)
            case .regular: try synchronizeFile(child)
            case .symbolicLink: break  // is a name only
            case .special:
                throw Problem(.unsupported, "cannot publish \(child): it is neither file, directory nor link")
            }
        }
        try synchronizeDirectory(path)
    }
}
