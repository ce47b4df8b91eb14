import Media
import Problems

/// Text files beside pictures.
enum TextFile {
    /// The text of a file as UTF-8, without a byte order mark.
    ///
    /// - Throws: a `Problem` that names the file: what cannot be read, and text of another encoding.
    static func read(_ path: String, atMost limit: Int) throws -> ArraySlice<UInt8> {
        let bytes = try FileBytes.read(path, atMost: limit)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return bytes.dropFirst(3) }
        guard let encoding = encoding(of: bytes.prefix(4)) else { return bytes[...] }
        throw Problem(
            .invalid, "the file is in \(encoding), but it must be UTF-8", remedy: "Save it as UTF-8.", file: path)
    }

    /// What the first four bytes tell of an encoding that is not UTF-8; nil: nothing.
    private static func encoding(of beginning: ArraySlice<UInt8>) -> String? {
        switch Array(beginning) {
        case [0xFF, 0xFE, 0, 0], [0, 0, 0xFE, 0xFF]: "UTF-32"
        case let four where four.starts(with: [0xFF, 0xFE]) || four.starts(with: [0xFE, 0xFF]): "UTF-16"
        // Without a mark: the first character is of ASCII.
        case let four where four.count == 4 && four.filter({ $0 == 0 }).count == 3: "UTF-32"
        case let four where four.count == 4 && four.filter({ $0 == 0 }).count == 2: "UTF-16"
        default: nil
        }
    }
}
