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
            } else if begins("II*\0") || begins("MM\0*") {
                self = .tiff
            } else if begins("ftyp", at: 4) {
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

    /// Reads the PNG or JPEG at `path`, without its alpha (composited over white) unless that is to be kept: 1 or 3 channels, or 2
    /// or 4.
    ///
    /// - Throws: a `Problem` that names the file: `missing`, `denied` or `io` when it cannot be read; `corrupt` when it is damaged,
    ///   empty, no picture, or of another format than its name says; `unsupported` for other picture formats; `invalid` beyond
    ///   `limits`.
    public static func read(
        _ path: String, limits: ImageLimits = ImageLimits(), keepsAlpha: Bool = false
    ) throws -> Image {
        do {
            return try decode(
                try FileBytes.read(path, atMost: limits.fileBytes), name: path, limits: limits, keepsAlpha: keepsAlpha)
        } catch let problem as Problem {
            throw problem.inFile(path)
        }
    }

    /// The same from memory; `name` is what the file is called.
    public static func decode(
        _ data: [UInt8], name: String, limits: ImageLimits = ImageLimits(), keepsAlpha: Bool = false
    ) throws -> Image {
        guard !data.isEmpty else {
            throw Problem(.corrupt, "the file is empty", remedy: ImageLimits.damaged)
        }
        let named = Format(name: name)
        let format = Format(beginning: data)
        if let named, let format, named != format {
            throw Problem(
                .corrupt, "the file is a \(format.rawValue) but is named as a \(named.rawValue)",
                remedy: "Rename it, or convert it to what its name says.")
        }
        switch format {
        case .png:
            let image = try PNG.decode(data, limits: limits).image
            return keepsAlpha ? image : image.flattened
        case .jpeg: return try JPEG.decode(data, limits: limits)
        case nil:
            throw Problem(.corrupt, "the file is not a PNG or a JPEG", remedy: ImageLimits.damaged)
        case let other?:
            throw Problem(.unsupported, "\(other.rawValue) pictures are not read", remedy: "Convert it to PNG or JPEG.")
        }
    }
}
