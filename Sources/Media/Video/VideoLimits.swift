/// What reading or writing a video may cost.
public struct VideoLimits: Sendable, Hashable {
    /// The most frames that are read of a video, however long it is.
    public var frames: Int
    /// What one frame may cost.
    public var image: ImageLimits
    /// The most bytes of all frames together, as they are kept.
    public var memory: Int
    /// Seconds that the helper program may take, by the clock and of the processor.
    public var seconds: Int
    /// Bytes of memory that the helper program may take.
    public var helperMemory: Int
    /// The most bytes of a video file that is written.
    public var fileBytes: Int

    public init(
        frames: Int = 10_000, image: ImageLimits = ImageLimits(), memory: Int = 4 << 30, seconds: Int = 600,
        helperMemory: Int = 2 << 30, fileBytes: Int = 4 << 30
    ) {
        precondition(frames > 0 && seconds > 0, "a video has frames, and reading them takes time")
        self.frames = frames
        self.image = image
        self.memory = memory
        self.seconds = seconds
        self.helperMemory = helperMemory
        self.fileBytes = fileBytes
    }
}
