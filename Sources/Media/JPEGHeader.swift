import Problems

/// What a JPEG's markers say before the first scan: the frame, and how the camera was held.
struct JPEGHeader {
    var width: Int
    var height: Int
    /// Bits per sample.
    var precision: Int
    var components: Int
    var orientation: Orientation = .topLeft

    /// Walks the marker segments (ISO/IEC 10918-1, annex B) up to the first scan.
    init(_ data: [UInt8]) throws {
        func damage(_ cause: String) -> Problem {
            Problem(.corrupt, "the JPEG cannot be decoded", remedy: ImageLimits.damaged, cause: cause)
        }
        guard data.starts(with: JPEG.signature) else { throw damage("it does not begin as a JPEG") }
        var bytes = ByteReader(data[2...])
        var frame: (precision: Int, height: Int, width: Int, components: Int)?
        var orientation = Orientation.topLeft
        scan: while true {
            guard let marker = bytes.marker() else { throw damage("the file ends before the picture") }
            switch marker {
            case 0x01, 0xD0...0xD8:  // TEM, RSTn, SOI: no segment follows.
                continue
            case 0xD9:
                throw damage("the file ends before the picture")
            case 0xDA:
                break scan
            default:
                break
            }
            guard let length = bytes.big16(), length >= 2, var segment = bytes.take(Int(length) - 2) else {
                throw damage("the file ends within its header")
            }
            switch marker {
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                guard frame == nil else { throw damage("it has two frame headers") }
                guard let precision = segment.byte(), let height = segment.big16(), let width = segment.big16(),
                    let components = segment.byte()
                else { throw damage("its frame header is too short") }
                frame = (Int(precision), Int(height), Int(width), Int(components))
            case 0xE1:
                orientation = Exif.orientation(segment) ?? orientation
            default:
                break
            }
        }
        guard let frame else { throw damage("it has no frame header") }
        (precision, height, width, components) = frame
        self.orientation = orientation
    }
}

/// The one thing that pixels need of Exif 2.32.
enum Exif {
    /// The Orientation tag of the first directory, or nil where there is none or the directory makes no sense: Exif is a remark
    /// beside the picture, and a bad one doesn't spoil it.
    static func orientation(_ segment: ByteReader) -> Orientation? {
        var segment = segment
        guard segment.take(6)?.bytes.elementsEqual("Exif\0\0".utf8) == true else { return nil }
        let tiff = segment
        guard let order = segment.big16(), order == 0x4949 || order == 0x4D4D else { return nil }
        let little = order == 0x4949
        guard segment.word16(little: little) == 42, let offset = segment.word32(little: little) else { return nil }
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
}

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
