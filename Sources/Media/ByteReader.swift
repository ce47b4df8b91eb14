/// Takes bytes off the front of a slice; nil at its end.
struct ByteReader {
    private(set) var bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    mutating func byte() -> UInt8? { bytes.popFirst() }

    mutating func big16() -> UInt16? { word16(little: false) }

    mutating func word16(little: Bool) -> UInt16? {
        guard let first = byte(), let second = byte() else { return nil }
        return little ? UInt16(second) << 8 | UInt16(first) : UInt16(first) << 8 | UInt16(second)
    }

    mutating func word32(little: Bool) -> UInt32? {
        guard let first = word16(little: little), let second = word16(little: little) else { return nil }
        return little ? UInt32(second) << 16 | UInt32(first) : UInt32(first) << 16 | UInt32(second)
    }

    mutating func take(_ count: Int) -> ByteReader? {
        guard count <= bytes.count else { return nil }
        defer { bytes = bytes.dropFirst(count) }
        return ByteReader(bytes.prefix(count))
    }

    /// What follows `beginning`; nil for bytes that begin otherwise.
    func content(after beginning: String) -> ArraySlice<UInt8>? {
        bytes.starts(with: beginning.utf8) ? bytes.dropFirst(beginning.utf8.count) : nil
    }

    /// The code of the next JPEG marker: 0xFF, any number of 0xFF as padding, then the code.
    mutating func marker() -> UInt8? {
        while let next = byte() {
            guard next == 0xFF else { continue }
            while let code = byte() {
                if code == 0xFF { continue }
                if code == 0 { break }
                return code
            }
        }
        return nil
    }
}
