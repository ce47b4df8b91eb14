import Problems

/// Picture files by what they hold, not by what they are called.
public enum ImageFile {
    /// What the first bytes of a file say it is.
    public enum Format: String, Sendable, CaseIterable {
        case png = "PNG"
        case jpeg = "JPEG"
        case gif = "GIF"
        case webp = "WebP"
        case bmp = "BMP"
        case tiff = "TIFF"
        case heif = "HEIF or AVIF"

        /// Of ISO/IEC 23008-12 and AVIF; other brands are videos.
        private static let heifBrands = ["heic", "heix", "hevc", "heim", "heis", "mif1", "msf1", "avif", "avis"]

        /// Whether pictures of this format are read.
        public var isRead: Bool { self != .bmp && self != .heif }

        /// The format of a file that begins with `bytes` (12 are enough), if it is one that we know.
        public init?(beginning bytes: some Collection<UInt8>) {
            let bytes = Array(bytes.prefix(12))
            func begins(_ text: String, at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text.utf8) }
            if bytes.starts(with: PNG.signature) {
                self = .png
            } else if bytes.starts(with: JPEG.signature) {
                self = .jpeg
            } else if begins("GIF8") {
                self = .gif
            } else if begins("RIFF") && begins("WEBP", at: 8) {
                self = .webp
            } else if begins("BM") {
                self = .bmp
            } else if ["II*\0", "MM\0*", "II+\0", "MM\0+"].contains(where: { begins($0) }) {
                self = .tiff
            } else if begins("ftyp", at: 4), Self.heifBrands.contains(where: { begins($0, at: 8) }) {
                self = .heif
            } else {
                return nil
            }
        }

        /// The format that a file of this name should have.
        public init?(name: String) {
            guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
            switch name[name.index(after: dot)...].lowercased() {
            case "png": self = .png
            case "jpg", "jpeg", "jpe", "jfif": self = .jpeg
            case "gif": self = .gif
            case "webp": self = .webp
            case "bmp": self = .bmp
            case "tif", "tiff": self = .tiff
            case "heic", "heif", "avif": self = .heif
            default: return nil
            }
        }
    }

    /// Reads the picture at `path`: PNG, JPEG, WebP, GIF or TIFF, by what it holds. It is brought to sRGB by its colour
    /// profile and turned upright by its Exif; alpha is composited over white unless it is to be kept: 1 or 3 channels,
    /// or 2 or 4. Of an animation or several pages the first is taken.
    ///
    /// - Parameter warn: told what is odd about a file that is whole, as a sentence without its subject, the file.
    /// - Throws: a `Problem` that names the file: `missing`, `denied` or `io` when it cannot be read; `corrupt` when it
    ///   is damaged, empty or no picture; `unsupported` for other picture formats; `invalid` beyond `limits`.
    public static func read(
        _ path: String, limits: ImageLimits = ImageLimits(), keepsAlpha: Bool = false,
        warn: (String) -> Void = { _ in }
    ) throws -> Image {
        do {
            return try decode(
                try FileBytes.read(path, atMost: min(limits.fileBytes, limits.memory)), limits: limits,
                keepsAlpha: keepsAlpha, warn: warn)
        } catch let problem as Problem {
            throw problem.inFile(path)
        }
    }

    /// The same from memory.
    public static func decode(
        _ data: [UInt8], limits: ImageLimits = ImageLimits(), keepsAlpha: Bool = false,
        warn: (String) -> Void = { _ in }
    ) throws -> Image {
        guard !data.isEmpty else {
            throw Problem(.corrupt, "the file is empty", remedy: ImageLimits.damaged)
        }
        let decoded =
            switch Format(beginning: data) {
            case .png: try PNG.read(data, limits: limits).decoded
            case .jpeg: try JPEG.decode(data, limits: limits)
            case .webp: try WebP.decode(data, limits: limits)
            case .gif: try GIF.decode(data, limits: limits)
            case .tiff: try TIFF.decode(data, limits: limits)
            case nil:
                throw Problem(
                    .corrupt, "the file is not a PNG, JPEG, WebP, GIF or TIFF", remedy: ImageLimits.damaged)
            case let other?:
                throw Problem(
                    .unsupported, "\(other.rawValue) pictures are not read", remedy: "Convert it to PNG or JPEG.")
            }
        let image = decoded.seen(warn: warn)
        return keepsAlpha ? image : image.flattened
    }
}
