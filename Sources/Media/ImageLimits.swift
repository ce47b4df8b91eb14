import Problems

/// What a picture may cost before it is opened: a file of a few bytes can claim to be of any size.
public struct ImageLimits: Sendable, Hashable {
    /// The most pixels of a picture.
    public var pixels: Int
    /// The most bytes of a file.
    public var fileBytes: Int
    /// The most bytes of memory that decoding may take.
    public var memory: Int

    public init(pixels: Int = 100_000_000, fileBytes: Int = 1 << 30, memory: Int = 4 << 30) {
        self.pixels = pixels
        self.fileBytes = fileBytes
        self.memory = memory
    }

    /// Refuses a picture whose header claims too much, before anything is allocated for it.
    ///
    /// - Parameters:
    ///   - bytesPerPixel: what decoding takes at its most: the decoder's pixels, the image, and a copy turned upright
    ///     or in sRGB.
    ///   - plausible: whether a file of its length could hold that many pixels at all.
    func check(width: Int, height: Int, bytesPerPixel: Int, plausible: (_ pixels: Int) -> Bool) throws {
        guard width > 0, height > 0 else {
            throw Problem(
                .corrupt, "the image has no pixels: its header says \(width) x \(height)", remedy: Self.damaged)
        }
        let (count, overflow) = width.multipliedReportingOverflow(by: height)
        guard !overflow, count <= pixels else {
            throw Problem(
                .invalid, "the image is too large: \(width) x \(height) pixels, where \(pixels) in all are allowed",
                remedy: "Scale it down, or leave it out.")
        }
        guard count <= memory / bytesPerPixel else {
            throw Problem(
                .invalid,
                "decoding \(width) x \(height) pixels takes \((count * bytesPerPixel) >> 20) MiB of memory, where "
                    + "\(memory >> 20) MiB are allowed", remedy: "Scale it down, or allow the job more memory.")
        }
        guard plausible(count) else {
            throw Problem(
                .corrupt, "the file is too short for the \(width) x \(height) pixels that its header claims",
                remedy: Self.damaged)
        }
    }

    static let damaged = "The file is damaged or incomplete: copy it again from its source, or leave it out."
}
