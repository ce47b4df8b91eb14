public import Problems

/// Names of things that are being written and must not be taken for finished ones: `.NAME.tmp-` and 16 hexadecimal digits,
/// in the directory of NAME. What still has such a name after a crash is rubbish.
enum TemporaryName {
    private static let mark = ".tmp-"

    static func beside(_ path: String) -> String {
        // A name has at most 255 bytes; the mark, the digits and the dot take 22.
        var name = Path.name(path)[...]
        while name.utf8.count > 200 { name.removeLast() }
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        let padding = String(repeating: "0", count: 16 - digits.count)
        return Path.join(Path.parent(path), ".\(name)\(mark)\(padding)\(digits)")
    }

    static func matches(_ name: String) -> Bool {
        let digits = name.utf8.suffix(16)
        return name.utf8.first == UInt8(ascii: ".") && digits.count == 16
            && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            && name.utf8.dropLast(16).suffix(mark.utf8.count).elementsEqual(mark.utf8)
    }
}

extension FileSystem {
    /// Removes what an interrupted write, publish or removal left in a directory, and returns the names. To be called when
    /// no writer can be at work there: at start, or by the holder of the directory's lock.
    ///
    /// - Parameter except: names whose temporaries stay, because somebody else writes them.
    @discardableResult
    public func removeStaleTemporaries(in directory: String, except: [String] = []) throws -> [String] {
        let stale = try list(directory).entries.filter { entry in
            TemporaryName.matches(entry.name) && !except.contains { entry.name.hasPrefix(".\($0).tmp-") }
        }
        for entry in stale { try removeTree(Path.join(directory, entry.name)) }
        return stale.map(\.name)
    }

    /// The same in a directory where others write: each temporary by itself, and only what has not changed since
    /// `date`, as another
    /// program may be at work on the rest.
    ///
    /// - Returns: what could not be removed, and why.
    public func removeAbandonedTemporaries(in directory: String, unchangedSince date: FileTime) throws -> [Problem] {
        try list(directory).entries.filter { TemporaryName.matches($0.name) }.compactMap { entry in
            let path = Path.join(directory, entry.name)
            do {
                if let status = try status(path), status.changed < date { try removeTree(path) }
                return nil
            } catch {
                return error as? Problem ?? Problem(.io, "cannot remove \(path)", cause: "\(error)")
            }
        }
    }
}
