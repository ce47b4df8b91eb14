import Configurations
import Datasets
import DurableFiles
import Models
import Problems
import TensorCore
import TestSupport
import Testing

/// Data sets as latents, kept on disk. The encoder here halves a picture's sides, brightens it, and counts what it is given.
@Suite struct LatentTests {
    private let device = Device(threads: 1)
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func pictures(_ count: Int = 20, flip: Bool = true, seed: UInt64 = 0) throws -> Dataset {
        var shapes = SyntheticDatasetConfiguration()
        (shapes.name, shapes.count, shapes.seed) = (.shapes, count, seed)
        shapes.images = ImageOptions(resolution: 8, channels: 3, horizontalFlip: flip)
        shapes.validationSplit = .count(4)
        return try Dataset(.synthetic(shapes), seed: 5)
    }

    private struct Stopped: Error {}

    private func encoded(
        _ dataset: Dataset, encoder: String = "a", memory: Int = 1 << 30, stopAfter limit: Int = .max
    ) throws -> (latents: Dataset, computed: Int, damaged: Int) {
        var (computed, damaged) = (0, 0)
        let latents = try dataset.encoded(
            as: .image(ImageSize(4), channels: 3), cache: LatentCache(directory("cache"), encoder: encoder),
            memory: memory, on: device
        ) { x in
            computed += x.shape[0]
            return x.averagePooled(2) + 0.25
        } report: { event in
            if case .damaged = event { damaged += 1 }
            if computed >= limit { throw Stopped() }
        }
        return (latents, computed, damaged)
    }

    private func files() throws -> [String] {
        try PosixFileSystem().list(directory("cache")).entries.map { directory("cache/\($0.name)") }
    }

    /// Every batch of two epochs: pictures and labels.
    private func batches(_ dataset: Dataset) throws -> [[Float]] {
        let batches = dataset.trainingBatches(seed: 3, size: 4, on: device)
        return try (0..<8).map { try batches.batch(step: $0) }.map {
            $0.x.array() + ($0.condition.classNumbers ?? []).map(Float.init)
        }
    }

    @Test func latentsAreThoseOfTheSamePictures() throws {
        let pictures = try pictures()
        let (latents, computed, _) = try encoded(pictures)
        #expect(computed == 40 && latents.shape == .image(ImageSize(4), channels: 3))
        #expect(latents.trainingCount == 16 && latents.validationCount == 4 && latents.classes == pictures.classes)
        let (own, others) = (
            pictures.trainingBatches(seed: 3, size: 4, on: device),
            latents.trainingBatches(seed: 3, size: 4, on: device)
        )
        // Pooling and mirroring commute, so this holds for mirrored samples too.
        for step in 0..<8 {
            let (x, z) = (try own.batch(step: step), try others.batch(step: step))
            #expect(
                z.x.array() == (x.x.averagePooled(2) + 0.25).array()
                    && z.condition.classNumbers == x.condition.classNumbers)
        }
        let (x, z) = (
            try pictures.validationBatch(0, size: 4, on: device), try latents.validationBatch(0, size: 4, on: device)
        )
        #expect(z.x.array() == (x.x.averagePooled(2) + 0.25).array())
    }

    @Test func areComputedOnce() throws {
        let first = try encoded(pictures())
        let second = try encoded(pictures())
        #expect(first.computed == 40 && second.computed == 0)
        #expect(try batches(first.latents) == batches(second.latents))
        // Read from the disk each time.
        let streamed = try encoded(pictures(), memory: 0)
        #expect(!streamed.latents.isInMemory && first.latents.isInMemory)
        #expect(try batches(streamed.latents) == batches(first.latents))
        #expect(try encoded(pictures(flip: false)).computed == 0)
    }

    @Test func anythingElseHasLatentsOfItsOwn() throws {
        _ = try encoded(pictures())
        #expect(try encoded(pictures(), encoder: "b").computed == 40)
        #expect(try encoded(pictures(seed: 1)).computed == 40)
        #expect(try encoded(pictures()).computed == 0)
    }

    @Test(arguments: [0, 1, 2]) func whatIsDamagedIsComputedAgain(_ way: Int) throws {
        let whole = try encoded(pictures())
        let file = try #require(try files().first)
        let system = PosixFileSystem()
        var bytes = try system.read(file, limit: 1 << 24)
        switch way {
        case 0: bytes[bytes.count - 5] ^= 1
        case 1: bytes = Array(bytes.prefix(bytes.count / 2))
        default: bytes = []
        }
        try system.writeAtomically(bytes, to: file)
        let again = try encoded(pictures())
        #expect(again.computed == 20 && again.damaged == 1)
        #expect(try batches(again.latents) == batches(whole.latents))
        #expect(try encoded(pictures()).computed == 0)
    }

    @Test func whatWasComputedBeforeAStopIsKept() throws {
        #expect(throws: Stopped.self) { _ = try encoded(pictures(), stopAfter: 20) }
        #expect(try files().count == 1)
        #expect(try encoded(pictures()).computed == 20)
    }
}
