import Configurations
import Datasets
import Foundation
import Media
import Models
import Problems
import TensorCore
import TestSupport
import Testing

@Suite("clips") struct VideoTests {
    // MARK: - moving_shapes

    /// Where what is brighter than the ground has its middle.
    private func centroid(_ image: Image) -> (x: Double, y: Double) {
        let values = image.bytes.map(Double.init)
        let ground = values.min() ?? 0
        var (sum, x, y) = (0.0, 0.0, 0.0)
        for row in 0..<image.height {
            for column in 0..<image.width {
                let pixel = (0..<image.channels).reduce(0.0) {
                    $0 + values[(row * image.width + column) * image.channels + $1] - ground
                }
                // The ground is not quite black.
                let weight = max(0, pixel - 60)
                sum += weight
                x += weight * (Double(column) + 0.5)
                y += weight * (Double(row) + 0.5)
            }
        }
        return (x / sum, y / sum)
    }

    @Test("shapes move as their labels say, at a constant speed, and bounce") func motion() {
        let set = MovingShapes(frames: 24, resolution: 32, seed: 3)
        for index in 0..<12 {
            let clip = set.clip(index)
            #expect(clip.count == 24 && clip.allSatisfy { $0.width == 32 && $0.height == 32 && $0.channels == 3 })
            for (frame, image) in clip.enumerated() {
                let (seen, told) = (centroid(image), set.centre(of: index, frame: frame))
                // A triangle's middle is that of its circle; edges are cut by nothing.
                #expect(abs(seen.x - told.x) < 0.5 && abs(seen.y - told.y) < 0.5, "clip \(index), frame \(frame)")
            }
            let xs = (0..<24).map { set.centre(of: index, frame: $0).x }
            let ys = (0..<24).map { set.centre(of: index, frame: $0).y }
            let (dx, dy) = (steps(xs), steps(ys))
            switch MovingShapes.motion(of: index) {
            case .horizontal: #expect(dx.allSatisfy { $0 > 0 } && dy.allSatisfy { $0 == 0 })
            case .vertical: #expect(dy.allSatisfy { $0 > 0 } && dx.allSatisfy { $0 == 0 })
            case .diagonal: #expect(dx.contains { $0 > 0 } && dy.contains { $0 > 0 })
            }
            // All steps but those that turn are equally long.
            let longest = dx.max() ?? 0
            #expect(dx.count { abs($0 - longest) > 1e-9 } <= 24 / 4)
        }
    }

    private func steps(_ places: [Double]) -> [Double] { zip(places, places.dropFirst()).map { abs($1 - $0) } }

    @Test("a clip is a function of seed and number, and a longer one begins like a shorter one") func seeds() throws {
        #expect(
            MovingShapes(frames: 4, resolution: 16, seed: 1).clip(5)
                == Array(MovingShapes(frames: 9, resolution: 16, seed: 1).clip(5).prefix(4)))
        #expect(
            MovingShapes(frames: 4, resolution: 16, seed: 1).clip(5)
                != MovingShapes(frames: 4, resolution: 16, seed: 2).clip(5))
        let data = try synthetic()
        #expect(data.shape == .video(frames: 5, ImageSize(16), channels: 3))
        #expect(data.classes == ["horizontal", "vertical", "diagonal"] && data.trainingCount == 7)
        let expected = MovingShapes(frames: 5, resolution: 16, seed: 4).clip(2).flatMap(\.signed)
        #expect(try data.trainingSamples(3)[2] == expected)
    }

    private func synthetic(flip: Bool = false) throws -> Dataset {
        var c = SyntheticDatasetConfiguration()
        (c.name, c.count, c.seed, c.frames) = (.movingShapes, 7, 4, 5)
        c.images = ImageOptions(resolution: 16, channels: 3, horizontalFlip: flip)
        return try Dataset(.synthetic(c), seed: 0)
    }

    @Test("a mirrored clip is mirrored in all its frames") func flips() throws {
        let device = Device(threads: 1)
        let (plain, flipped) = (try synthetic(), try synthetic(flip: true))
        let a = try plain.trainingBatches(seed: 1, size: 7, on: device).batch(step: 0)
        let b = try flipped.trainingBatches(seed: 1, size: 7, on: device).batch(step: 0)
        #expect(a.x.shape == [7, 5, 16, 16, 3])
        var mirrored = 0
        for (own, other) in zip(a.samples, b.samples) where own != other {
            mirrored += 1
            for frame in 0..<5 {
                let range = frame * 768..<(frame + 1) * 768
                let image = Image(width: 16, height: 16, channels: 3, signed: Array(own[range])).mirrored
                #expect(Image(width: 16, height: 16, channels: 3, signed: Array(other[range])) == image)
            }
        }
        #expect(mirrored > 0 && mirrored < 7)
    }

    // MARK: - video_folder

    /// A video of grey frames, level by level.
    private func writeFrames(_ levels: [UInt8], to name: String, in place: Workplace) throws {
        for (number, level) in levels.enumerated() {
            try place.writeImage(level, to: "\(name)/\(100 + number).png", side: 6)
        }
    }

    private func folder(
        _ place: Workplace, frames: Int = 3, _ change: (inout VideoFolderConfiguration) -> Void = { _ in }
    ) -> DatasetConfiguration {
        var c = VideoFolderConfiguration()
        (c.path, c.frames) = (place.path("set"), frames)
        c.images = ImageOptions(resolution: 2, channels: 1)
        change(&c)
        return .videoFolder(c)
    }

    /// The grey level of each frame of each clip.
    private func levels(_ data: Dataset) throws -> [[Int]] {
        try data.trainingSamples(100).map { clip in
            stride(from: 0, to: clip.count, by: 4).map { Int(((clip[$0] + 1) / 2 * 255).rounded()) }
        }
    }

    @Test(
        "clips are cut out of videos with stride and step", arguments: [ImageFolderConfiguration.Cache.auto, .stream])
    func windows(cache: ImageFolderConfiguration.Cache) throws {
        let place = try Workplace()
        try writeFrames([0, 10, 20, 30, 40, 50, 60], to: "set/b", in: place)
        try writeFrames([200, 210, 220], to: "set/a", in: place)
        try writeFrames([90, 91], to: "set/short", in: place)
        try place.write("no video", to: "set/notes.txt")
        func read(_ change: (inout VideoFolderConfiguration) -> Void = { _ in }) throws -> [[Int]] {
            let data = try Dataset(
                folder(place) {
                    $0.cache = cache
                    $0.labels = .none
                    change(&$0)
                }, seed: 0)
            #expect(data.isInMemory == (cache != .stream))
            return try levels(data)
        }
        #expect(try read() == [[200, 210, 220], [0, 10, 20], [30, 40, 50]])
        #expect(try read { $0.clipStep = 2 } == [[200, 210, 220], [0, 10, 20], [20, 30, 40], [40, 50, 60]])
        #expect(try read { $0.frameStride = 3 } == [[0, 30, 60]])
        #expect(try read { $0.maxFrames = 5 } == [[200, 210, 220], [0, 10, 20]])
        let data = try Dataset(folder(place) { $0.cache = cache }, seed: 0)
        #expect(
            data.notes == [
                "notes.txt is neither a video nor a frame and is left out.",
                "short is shorter than a clip and is left out.",
            ])
    }

    @Test("class folders and metadata.jsonl label clips") func labels() throws {
        let place = try Workplace()
        try writeFrames([1, 2, 3], to: "set/up/one", in: place)
        try writeFrames([4, 5, 6, 7, 8, 9], to: "set/down/two", in: place)
        let data = try Dataset(folder(place), seed: 0)
        #expect(data.classes == ["down", "up"])
        let batch = try data.trainingBatches(seed: 0, size: 3, on: Device(threads: 1)).batch(step: 0)
        #expect(batch.condition.classNumbers?.sorted() == [0, 0, 1])
        try place.write(
            """
            {"file_name": "up/one", "label": "calm"}
            {"file_name": "down/two", "label": "wild"}
            """, to: "set/metadata.jsonl")
        #expect(try Dataset(folder(place), seed: 0).classes == ["calm", "wild"])
        try place.write(#"{"file_name": "up/three", "label": "calm"}"#, to: "set/metadata.jsonl")
        let problems = try #require(throws: Problem.self) {
            var unlabelled = folder(place)
            if case .videoFolder(var videos) = unlabelled {
                videos.labels = .none
                unlabelled = .videoFolder(videos)
            }
            return try Dataset(unlabelled, seed: 0)
        }
        #expect(problems.message.contains("no video \"up/three\"") && problems.line == 1)
    }

    @Test("all frames of a video must have one size") func sizes() throws {
        let place = try Workplace()
        try writeFrames([1, 2, 3], to: "set/odd", in: place)
        try place.writeImage(4, to: "set/odd/999.png", side: 5)
        let problem = try #require(throws: Problem.self) { try Dataset(folder(place), seed: 0) }
        #expect(problem.code == .corrupt && problem.message.contains("frame 3"))
    }

    @Test("nothing to cut is an error") func nothing() throws {
        let place = try Workplace()
        try place.write("no video", to: "set/notes.txt")
        let empty = try #require(throws: Problem.self) { try Dataset(folder(place), seed: 0) }
        #expect(empty.message.contains("holds no videos"))
        try writeFrames([1, 2], to: "set/short", in: place)
        let short = try #require(throws: Problem.self) { try Dataset(folder(place), seed: 0) }
        #expect(short.message.contains("as long as a clip of 3 frames"))
    }

    @Test("a share of the batches holds pictures, as clips of one frame") func stills() throws {
        let place = try Workplace()
        try writeFrames([1, 2, 3], to: "set/clip", in: place)
        try place.writeImage(200, to: "pictures/a.png")
        let data = try Dataset(
            folder(place) {
                $0.stills = place.path("pictures")
                $0.imageRatio = 0.3
                $0.labels = .none
            }, seed: 0)
        let device = Device(threads: 1)
        let batches = data.trainingBatches(seed: 7, size: 2, on: device)
        let shapes = try (0..<200).map { try batches.batch(step: $0).x.shape }
        let pictures = shapes.count { $0 == [2, 1, 2, 2, 1] }
        #expect(shapes.count { $0 == [2, 3, 2, 2, 1] } == 200 - pictures && abs(pictures - 60) < 25, "\(pictures)")
        // Which ones is a function of seed and step.
        let again = data.trainingBatches(seed: 7, size: 2, on: device)
        #expect(try (150..<200).map { try again.batch(step: $0).x.shape } == Array(shapes[150...]))
    }
}
