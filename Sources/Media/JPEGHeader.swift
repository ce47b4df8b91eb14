import Problems

/// What a JPEG's markers say before the first scan: the frame, and what lies beside it.
struct JPEGHeader {
    var width: Int
    var height: Int
    /// Bits per sample.
    var precision: Int
    var components: Int
    /// The kind of the frame: 0xC0 and so on (ISO/IEC 10918-1, table B.1).
    var process: UInt8
    var exif: ArraySlice<UInt8>?
    var xmp: ArraySlice<UInt8>?
    /// The colour profile, put together from its parts.
    var profile: [UInt8]?

    /// Walks the marker segments (ISO/IEC 10918-1, annex B) up to the first scan.
    init(_ data: [UInt8]) throws {
        func damage(_ cause: String) -> Problem {
            Problem(.corrupt, "the JPEG cannot be decoded", remedy: ImageLimits.damaged, cause: cause)
        }
        guard data.starts(with: JPEG.signature) else { throw damage("it does not begin as a JPEG") }
        var bytes = ByteReader(data[2...])
        var frame: (precision: Int, height: Int, width: Int, components: Int)?
        var process: UInt8 = 0
        var profile: [UInt8: ArraySlice<UInt8>] = [:]
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
                process = marker
            case 0xE1:
                exif = exif ?? segment.content(after: "Exif\0\0")
                xmp = xmp ?? segment.content(after: "http://ns.adobe.com/xap/1.0/\0")
            case 0xE2:
                // ICC.1, annex B.4: the number of the part, from 1 on, and how many there are.
                if var part = segment.content(after: "ICC_PROFILE\0"), let number = part.popFirst() {
                    profile[number] = part.dropFirst()
                }
            default:
                break
            }
        }
        guard let frame else { throw damage("it has no frame header") }
        (precision, height, width, components) = frame
        self.process = process
        if !profile.isEmpty { self.profile = profile.sorted { $0.key < $1.key }.flatMap(\.value) }
    }
}
