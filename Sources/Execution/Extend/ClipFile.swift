internal import Configurations
internal import DurableFiles
internal import Media

/// How a job writes clips: as files in one of the formats, each whole or absent.
struct ClipFile {
    let format: OutputOptions.Video
    let rate: FrameRate

    init(_ format: OutputOptions.Video?, _ rate: FrameRate) {
        self.format = format ?? .mp4
        self.rate = rate
    }

    /// The name of the file or directory of the clip that is called so.
    func name(_ clip: String) -> String { format == .png ? clip : "\(clip).\(format.rawValue)" }

    /// Writes the frames as `outputs/NAME.mp4` or so.
    ///
    /// - Parameter times: where they last differently.
    func write(_ frames: [Image], _ clip: String, times: FrameTimes? = nil, _ context: JobContext) throws {
        let path = context.output(name(clip))
        switch format {
        case .mp4: try context.write(MP4.encode(frames, rate: rate, times: times), to: path)
        case .gif:
            let delays = times?.durations.map { Double($0) / 1e6 } ?? frames.map { _ in 1 / rate.perSecond }
            try context.write(GIF.encode(frames, delays: delays), to: path)
        case .png:
            try context.files.publishDirectory(path) { directory in
                for (number, frame) in frames.enumerated() {
                    try context.files.writeAtomically(
                        PNG.encode(frame), to: Path.join(directory, Self.frameName(number)), mode: 0o660)
                }
            }
        }
    }

    /// `00000.png`.
    static func frameName(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".png"
    }
}
