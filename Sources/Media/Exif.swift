/// How a picture was held, as told by what lies beside it in its file: the Orientation tag of Exif 2.32, or of XMP
/// where Exif is silent. Both are remarks: a bad one doesn't spoil the picture.
enum Exif {
    /// - Parameters:
    ///   - exif: a TIFF structure, with or without the mark that JPEG has before it.
    ///   - xmp: the text of an XMP packet.
    static func orientation(_ exif: ArraySlice<UInt8>?, xmp: ArraySlice<UInt8>? = nil) -> Orientation {
        exif.flatMap(tag) ?? xmp.flatMap(property) ?? .topLeft
    }

    /// The tag of the first directory, or nil where there is none or the directory makes no sense.
    private static func tag(_ exif: ArraySlice<UInt8>) -> Orientation? {
        let tiff = ByteReader(ByteReader(exif).content(after: "Exif\0\0") ?? exif)
        var header = tiff
        guard let order = header.big16(), order == 0x4949 || order == 0x4D4D else { return nil }
        let little = order == 0x4949
        guard header.word16(little: little) == 42, let offset = header.word32(little: little) else { return nil }
        var directory = tiff
        guard directory.take(Int(offset)) != nil, let count = directory.word16(little: little) else { return nil }
        for _ in 0..<count {
            // Tag, type (3: SHORT), count, value in the first two of four bytes.
            guard let tag = directory.word16(little: little), let type = directory.word16(little: little),
                let values = directory.word32(little: little), let value = directory.word16(little: little),
                directory.take(2) != nil
            else { return nil }
            if tag == 0x0112, type == 3, values == 1 { return Orientation(rawValue: value) }
        }
        return nil
    }

    /// `tiff:Orientation="6"` or `<tiff:Orientation>6</tiff:Orientation>`.
    private static func property(_ xmp: ArraySlice<UInt8>) -> Orientation? {
        guard let name = xmp.firstRange(of: Array("tiff:Orientation".utf8)) else { return nil }
        let value = xmp[name.upperBound...].drop { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ">") }
            .drop { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "'") }
        return value.first.flatMap { Orientation(rawValue: UInt16($0 &- UInt8(ascii: "0"))) }
    }
}
