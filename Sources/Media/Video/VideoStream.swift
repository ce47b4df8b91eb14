import Problems

/// What the program ffprobe says of a file's first video stream, and of its first frames.
struct VideoStream {
    let width: Int
    let height: Int
    let codec: String
    let pixelFormat: String
    /// The rates that the container claims: of the clock on which all frames lie, and the mean one.
    let rates: [FrameRate]
    /// From the first frame to the end of the last, in microseconds; nil where the container doesn't say it.
    let duration: Int?
    let hasSound: Bool
    /// Whether WebM keeps transparency beside the pictures, which only one decoder looks at.
    private let hasSideAlpha: Bool
    /// Width of a pixel by its height.
    let pixelAspect: Double
    let isInterlaced: Bool
    /// PQ and HLG (ITU-R BT.2100).
    let isHighDynamicRange: Bool

    /// - Parameter input: the arguments that name the file.
    init(_ input: [String], reading path: String, limits: VideoLimits) throws {
        let child = try ChildProcess(
            "ffprobe",
            [
                "-hide_banner", "-v", "error", "-show_entries",
                "stream=codec_type,codec_name,width,height,pix_fmt,r_frame_rate,avg_frame_rate,sample_aspect_ratio,"
                    + "field_order,color_transfer,duration:stream_disposition=attached_pic:stream_tags=alpha_mode:"
                    + "frame=media_type,interlaced_frame,color_transfer",
                "-read_intervals", "%+#24", "-of", "default",
            ] + input, pipes: .output, reading: path, limits: limits)
        var text: [UInt8] = []
        while case let chunk = try child.read(atMost: 1 << 16), !chunk.isEmpty {
            guard text.count < 1 << 20 else { break }
            text += chunk
        }
        let ending = try child.end()
        let sections = Self.sections(String(decoding: text, as: UTF8.self))
        func damage(_ message: String) -> Problem {
            Problem(.corrupt, message, remedy: ImageLimits.damaged, cause: child.cause)
        }
        guard ending == .exited(0) else { throw damage("the video cannot be read") }
        let streams = sections.filter { $0.name == "STREAM" }.map(\.entries)
        let pictures = streams.filter { $0["codec_type"] == "video" && $0["DISPOSITION:attached_pic"] != "1" }
        guard let stream = pictures.first else { throw damage("the file holds no pictures") }
        let frames = sections.filter { $0.name == "FRAME" && $0.entries["media_type"] == "video" }.map(\.entries)
        hasSound = streams.contains { $0["codec_type"] == "audio" }
        width = stream["width"].flatMap { Int($0) } ?? 0
        height = stream["height"].flatMap { Int($0) } ?? 0
        codec = stream["codec_name"] ?? ""
        pixelFormat = stream["pix_fmt"] ?? ""
        rates = ["r_frame_rate", "avg_frame_rate"].compactMap { stream[$0].flatMap { FrameRate($0) } }
        // No more than a century, so that sums stay sums.
        duration = stream["duration"].flatMap { Double($0) }.flatMap { $0 > 0 && $0 < 3e9 ? Int($0 * 1e6) : nil }
        hasSideAlpha = stream.contains { $0.key.lowercased() == "tag:alpha_mode" && $0.value == "1" }
        let aspect = stream["sample_aspect_ratio"]?.split(separator: ":").compactMap { Double($0) } ?? []
        pixelAspect = aspect.count == 2 && aspect[0] > 0 && aspect[1] > 0 ? aspect[0] / aspect[1] : 1
        isInterlaced =
            ["tt", "bb", "tb", "bt"].contains(stream["field_order"])
            || frames.contains { $0["interlaced_frame"] == "1" }
        isHighDynamicRange = ([stream] + frames).contains {
            ["smpte2084", "arib-std-b67"].contains($0["color_transfer"])
        }
    }

    /// Whether frames have transparency.
    var hasAlpha: Bool {
        let formats = ["yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8"]
        return hasSideAlpha || formats.contains { pixelFormat.hasPrefix($0) }
    }

    /// The decoder to ask for; nil: ffmpeg's own choice.
    var decoder: String? {
        guard hasSideAlpha else { return nil }
        return codec == "vp9" ? "libvpx-vp9" : codec == "vp8" ? "libvpx" : nil
    }

    /// The size of a frame of square pixels: the side that is too short is lengthened, so that nothing is lost.
    var squareSize: (width: Int, height: Int) {
        func scaled(_ side: Int, _ factor: Double) -> Int {
            Int(min(max((Double(side) * factor).rounded(), 1), Double(1 << 24)))
        }
        return pixelAspect > 1
            ? (scaled(width, pixelAspect), height) : (width, pixelAspect < 1 ? scaled(height, 1 / pixelAspect) : height)
    }

    /// The filters that make frames of square pixels, whole pictures and the usual range of brightness of what is
    /// decoded.
    var filters: [String] {
        var filters: [String] = []
        // One frame for each that is marked, in its own time; others pass unchanged.
        if isInterlaced { filters.append("bwdif=mode=send_frame:parity=auto:deint=interlaced") }
        if isHighDynamicRange {
            // 203 cd/m2 is the white of pictures in HDR (ITU-R BT.2408).
            filters += [
                "zscale=t=linear:npl=203", "format=gbrpf32le", "zscale=p=bt709", "tonemap=tonemap=hable:desat=0",
                "zscale=t=bt709:m=bt709:r=tv", "format=yuv420p",
            ]
        }
        if pixelAspect != 1 {
            // Expressions, since a video that is stored on its side has been turned by then.
            filters += ["scale=w='if(gt(sar,1),round(iw*sar),iw)':h='if(gt(sar,1),ih,round(ih/sar))'", "setsar=1"]
        }
        return filters
    }

    /// What a person should know of how it is read.
    var notes: [String] {
        var notes: [String] = []
        if hasSound { notes.append("The video's sound is left out.") }
        if isInterlaced { notes.append("The video is interlaced; each of its frames is made of both fields (bwdif).") }
        if isHighDynamicRange { notes.append("The video has a high dynamic range, which is mapped to the usual one.") }
        if pixelAspect != 1 {
            let (width, height) = squareSize
            notes.append("The video's pixels are not square; \(self.width)x\(self.height) becomes \(width)x\(height).")
        }
        if hasAlpha, pixelFormat != "bgra", pixelFormat != "pal8" {
            notes.append("The video's transparency is laid over white.")
        }
        return notes
    }

    /// The keys and values of each section of ffprobe's plainest output.
    private static func sections(_ text: String) -> [(name: String, entries: [String: String])] {
        var sections: [(name: String, entries: [String: String])] = []
        for line in text.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("["), line.hasSuffix("]"), !line.hasPrefix("[/") {
                sections.append((String(line.dropFirst().dropLast()), [:]))
            }
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2, !sections.isEmpty {
                sections[sections.count - 1].entries[String(parts[0])] = String(parts[1])
            }
        }
        return sections
    }
}
