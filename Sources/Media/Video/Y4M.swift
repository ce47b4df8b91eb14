import Glibc
import Problems

/// YUV4MPEG2, the plainest of video files: a line of text, then frames of luma and chroma, uncompressed.
///
/// Colours are those of ITU-R BT.601 in the limited range (luma 16...235), or in the full one where the header says
/// `XCOLORRANGE=FULL`.
public enum Y4M {
    static let signature = Array("YUV4MPEG2".utf8)

    /// Writes frames of one size, grey ones as `Cmono` and others as `C444`; RGB comes back to within 2 of 255.
    ///
    /// - Parameter rate: 25 in a file that is not told.
    public static func encode(_ frames: [Image], rate: FrameRate) -> [UInt8] {
        precondition(!frames.isEmpty, "a video has frames")
        let (width, height) = (frames[0].width, frames[0].height)
        precondition(frames.allSatisfy { $0.width == width && $0.height == height }, "frames have one size")
        let isGrey = frames.allSatisfy { $0.channels <= 2 }
        let colours = isGrey ? "mono" : "444"
        var bytes = Array(
            "YUV4MPEG2 W\(width) H\(height) F\(rate.numerator):\(rate.denominator) Ip A1:1 C\(colours)\n".utf8)
        for frame in frames {
            bytes += Array("FRAME\n".utf8)
            let pixels = frame.converted(toChannels: isGrey ? 1 : 3).bytes
            if isGrey {
                bytes += pixels.map { YCbCr.limited.luma(Double($0), Double($0), Double($0)) }
                continue
            }
            let colours = stride(from: 0, to: pixels.count, by: 3).map {
                YCbCr.limited.encode(Double(pixels[$0]), Double(pixels[$0 + 1]), Double(pixels[$0 + 2]))
            }
            bytes += colours.map(\.y)
            bytes += colours.map(\.cb)
            bytes += colours.map(\.cr)
        }
        return bytes
    }

    /// What the first line says.
    struct Header {
        /// How often chroma is stored: one value for so many columns and rows; nil for a grey video.
        struct Chroma {
            var columns: Int
            var rows: Int
        }

        var width = 0
        var height = 0
        var rate: FrameRate?
        var chroma: Chroma? = Chroma(columns: 2, rows: 2)
        var range = YCbCr.limited

        /// - Parameter line: without its end.
        init(_ line: String) throws {
            var words = line.split(separator: " ")
            guard words.first == "YUV4MPEG2" else { throw Self.damage("the header begins otherwise") }
            words.removeFirst()
            for word in words {
                let value = word.dropFirst()
                switch word.first {
                case "W": width = Int(value) ?? 0
                case "H": height = Int(value) ?? 0
                case "F": rate = FrameRate(value)
                case "I" where value != "p" && value != "?":
                    throw Problem(.unsupported, "interlaced video is not read", remedy: "Deinterlace it.")
                case "A" where value != "1:1" && value != "0:0":
                    throw Problem(.unsupported, "video of pixels that are not square is not read", remedy: "Scale it.")
                case "C": chroma = try Self.chroma(value)
                case "X" where value == "COLORRANGE=FULL": range = .full
                default: break
                }
            }
            guard width > 0, height > 0 else { throw Self.damage("the header gives no width or height") }
        }

        private static func chroma(_ name: Substring) throws -> Chroma? {
            switch name {
            case "420", "420jpeg", "420mpeg2", "420paldv": return Chroma(columns: 2, rows: 2)
            case "422": return Chroma(columns: 2, rows: 1)
            case "444": return Chroma(columns: 1, rows: 1)
            case "mono": return nil
            default:
                throw Problem(
                    .unsupported, "Y4M video with the colours \"\(name.prefix(40))\" is not read",
                    remedy: "Convert it to 8 bits: C420, C422, C444 or Cmono.")
            }
        }

        static func damage(_ cause: String) -> Problem {
            Problem(.corrupt, "the Y4M video cannot be read", remedy: ImageLimits.damaged, cause: cause)
        }

        /// Columns and rows of chroma.
        func chromaSize(_ chroma: Chroma) -> (width: Int, height: Int) {
            ((width + chroma.columns - 1) / chroma.columns, (height + chroma.rows - 1) / chroma.rows)
        }

        var frameBytes: Int {
            let size = chroma.map(chromaSize)
            return width * height + (size.map { 2 * $0.width * $0.height } ?? 0)
        }

        /// The picture of a frame's planes; chroma belongs to all pixels that share it.
        func image(_ planes: [UInt8]) -> Image {
            guard let chroma else {
                return Image(width: width, height: height, channels: 1, bytes: planes.map(range.grey))
            }
            let size = chromaSize(chroma)
            let (blue, red) = (width * height, width * height + size.width * size.height)
            var bytes: [UInt8] = []
            bytes.reserveCapacity(3 * width * height)
            for row in 0..<height {
                for column in 0..<width {
                    let place = row / chroma.rows * size.width + column / chroma.columns
                    bytes += range.decode(planes[row * width + column], planes[blue + place], planes[red + place])
                }
            }
            return Image(width: width, height: height, channels: 3, bytes: bytes)
        }
    }
}

/// Colours as luma and two differences (ITU-R BT.601), in bytes.
struct YCbCr {
    /// The value of black, and how many steps luma and chroma have.
    let black: Double
    let luma: Double
    let chroma: Double

    static let limited = YCbCr(black: 16, luma: 219, chroma: 224)
    static let full = YCbCr(black: 0, luma: 255, chroma: 255)

    private static let (red, green, blue) = (0.299, 0.587, 0.114)

    private static func byte(_ value: Double) -> UInt8 { UInt8(min(max(value.rounded(), 0), 255)) }

    /// Of a colour of components in 0...255.
    func luma(_ r: Double, _ g: Double, _ b: Double) -> UInt8 {
        Self.byte(black + luma * (Self.red * r + Self.green * g + Self.blue * b) / 255)
    }

    func encode(_ r: Double, _ g: Double, _ b: Double) -> (y: UInt8, cb: UInt8, cr: UInt8) {
        let y = Self.red * r + Self.green * g + Self.blue * b
        return (
            luma(r, g, b), Self.byte(128 + chroma * (b - y) / (2 * (1 - Self.blue)) / 255),
            Self.byte(128 + chroma * (r - y) / (2 * (1 - Self.red)) / 255)
        )
    }

    func grey(_ y: UInt8) -> UInt8 { Self.byte((Double(y) - black) * 255 / luma) }

    func decode(_ y: UInt8, _ cb: UInt8, _ cr: UInt8) -> [UInt8] {
        let y = (Double(y) - black) * 255 / luma
        let b = y + (Double(cb) - 128) * 255 / chroma * 2 * (1 - Self.blue)
        let r = y + (Double(cr) - 128) * 255 / chroma * 2 * (1 - Self.red)
        return [Self.byte(r), Self.byte((y - Self.red * r - Self.blue * b) / Self.green), Self.byte(b)]
    }
}

/// The frames of a Y4M file.
final class Y4MReader: FrameReader {
    private let descriptor: Int32
    private let path: String
    private let header: Y4M.Header
    private var buffer: [UInt8] = []
    private var position = 0
    private var frames = 0

    private static let longestLine = 1024

    var rate: FrameRate? { header.rate }
    var times: FrameTimes? { frames > 0 ? header.rate.map { FrameTimes(count: frames, rate: $0) } : nil }
    var notes: [String] { [] }

    init(_ path: String, limits: VideoLimits) throws {
        let (descriptor, size) = try FileBytes.open(path)
        self.descriptor = descriptor
        self.path = path
        do {
            var line: [UInt8] = []
            let beginning = try FileBytes.beginning(path, count: Self.longestLine)
            line = Array(beginning.prefix { $0 != UInt8(ascii: "\n") })
            guard line.count < beginning.count else { throw Y4M.Header.damage("the header has no end") }
            header = try Y4M.Header(String(decoding: line, as: UTF8.self))
            let bytes = header.frameBytes
            try limits.image.check(width: header.width, height: header.height, bytesPerPixel: 12) { _ in
                // A file of no frames is told apart later.
                size <= line.count + 1 || size > bytes / 2
            }
            lseek(descriptor, off_t(line.count + 1), SEEK_SET)
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    func next() throws -> Image? {
        let mark = try line()
        if mark.isEmpty { return nil }
        guard mark.starts(with: "FRAME".utf8) else { throw damage("something else than a frame follows") }
        guard let planes = try take(header.frameBytes) else { throw damage("the file ends within a frame") }
        frames += 1
        return header.image(planes)
    }

    /// The bytes up to the next end of line; empty at the end of the file.
    private func line() throws -> [UInt8] {
        var line: [UInt8] = []
        while line.count < Self.longestLine, let byte = try take(1)?.first {
            if byte == UInt8(ascii: "\n") { return line.isEmpty ? [byte] : line }
            line.append(byte)
        }
        if !line.isEmpty { throw damage("a line does not end") }
        return []
    }

    /// The next `count` bytes; nil when the file ends before.
    private func take(_ count: Int) throws -> [UInt8]? {
        while buffer.count - position < count {
            buffer.removeFirst(position)
            position = 0
            let wanted = max(count - buffer.count, 1 << 16)
            let chunk = [UInt8](unsafeUninitializedCapacity: wanted) { target, filled in
                filled = max(0, read(descriptor, target.baseAddress, wanted))
            }
            if chunk.isEmpty { return nil }
            buffer += chunk
        }
        defer { position += count }
        return Array(buffer[position..<position + count])
    }

    private func damage(_ cause: String) -> Problem {
        Problem.brokenOff(after: frames, cause: cause).inFile(path)
    }
}

extension Problem {
    /// A video that cannot be read to its end.
    static func brokenOff(after frames: Int, cause: String?) -> Problem {
        let before =
            switch frames {
            case 0: "before its first frame"
            case 1: "after frame 0"
            default: "after frame \(frames - 1): frames 0 to \(frames - 1) are whole"
            }
        return Problem(
            .corrupt, "the video breaks off \(before)",
            remedy: "Copy it again from its source, or cut it off there.", cause: cause)
    }
}
