import Configurations
import Datasets
import DurableFiles
import Models
import TensorCore
import TestSupport
import Testing

/// Clips as latents, frame by frame, and the pictures among them.
@Suite struct ClipLatentTests {
    private let device = Device(threads: 1)

    /// Halves the sides of pictures and of frames.
    private func halved(_ x: Tensor) -> Tensor {
        let s = Array(x.shape)
        let frames = x.reshaped(to: Shape([s.dropLast(3).reduce(1, *)] + s.suffix(3))).averagePooled(2)
        return frames.reshaped(to: Shape(s.dropLast(3) + Array(frames.shape).dropFirst()))
    }

    private func encoded(_ data: Dataset, _ directory: TemporaryDirectory) throws -> (latents: Dataset, news: Int) {
        guard case .video(let frames, let size, let channels) = data.shape else { throw Unexpected() }
        var news = 0
        let latents = try data.encoded(
            as: .video(frames: frames, ImageSize(size.height / 2), channels: channels),
            cache: LatentCache(directory("cache"), encoder: "a"), memory: 1 << 30, on: device, encode: halved
        ) { event in
            if case .encoded(_, _, let computed) = event { news = computed }
        }
        return (latents, news)
    }

    private struct Unexpected: Error {}

    @Test("clips keep their frames, mirrored ones theirs, and are found in the cache") func clips() throws {
        let directory = try TemporaryDirectory()
        var c = SyntheticDatasetConfiguration()
        (c.name, c.count, c.frames) = (.movingShapes, 9, 3)
        c.images = ImageOptions(resolution: 8, channels: 3, horizontalFlip: true)
        c.validationSplit = .count(2)
        let clips = try Dataset(.synthetic(c), seed: 5)
        let (latents, news) = try encoded(clips, directory)
        #expect(news == 18 && latents.shape == .video(frames: 3, ImageSize(4), channels: 3))
        #expect(latents.classes == clips.classes && latents.validationCount == 2)
        let (own, others) = (
            clips.trainingBatches(seed: 3, size: 4, on: device), latents.trainingBatches(seed: 3, size: 4, on: device)
        )
        for step in 0..<8 {
            let (x, z) = (try own.batch(step: step), try others.batch(step: step))
            #expect(
                z.x.shape == [4, 3, 4, 4, 3] && z.x.array() == halved(x.x).array()
                    && z.condition.classNumbers == x.condition.classNumbers)
        }
        #expect(try encoded(clips, directory).news == 0)
    }

    @Test("the pictures among them are latents too, in the same batches") func stills() throws {
        let directory = try TemporaryDirectory()
        let place = try Workplace()
        for number in 0..<3 { try place.writeImage(UInt8(50 * number), to: "set/clip/\(number).png", side: 8) }
        try place.writeImage(200, to: "pictures/a.png", side: 8)
        var c = VideoFolderConfiguration()
        (c.path, c.frames, c.labels, c.stills) = (place.path("set"), 3, .none, place.path("pictures"))
        c.images = ImageOptions(resolution: 4, channels: 1)
        c.imageRatio = 0.4
        let clips = try Dataset(.videoFolder(c), seed: 0)
        let (latents, news) = try encoded(clips, directory)
        #expect(news == 2)
        let (own, others) = (
            clips.trainingBatches(seed: 7, size: 2, on: device), latents.trainingBatches(seed: 7, size: 2, on: device)
        )
        var pictures = 0
        for step in 0..<20 {
            let (x, z) = (try own.batch(step: step).x, try others.batch(step: step).x)
            #expect(z.shape == [2, x.shape[1], 2, 2, 1] && z.array() == halved(x).array())
            if x.shape[1] == 1 { pictures += 1 }
        }
        #expect(pictures > 0 && pictures < 20)
    }
}
