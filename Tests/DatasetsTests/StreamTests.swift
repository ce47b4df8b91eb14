import Configurations
import Datasets
import Foundation
import Models
import Problems
import TensorCore
import TestSupport
import Testing

@Suite("samples streamed by a loader thread") struct StreamTests {
    let device = Device(threads: 1)

    private func open(
        _ path: String, _ cache: ImageFolderConfiguration.Cache, loading: LoadingOptions = LoadingOptions()
    ) throws -> Dataset {
        var folder = Making.folder(path, resolution: 16, channels: 3)
        folder.cache = cache
        folder.images.horizontalFlip = true
        return try Dataset(.imageFolder(folder), seed: 0, loading: loading)
    }

    @Test("streamed batches are the cached ones, in order, out of order and after jumps") func same() throws {
        let place = try Workplace()
        try ShapesFolder.write(to: place.path("shapes"), count: 30, resolution: 20)
        let cached = try open(place.path("shapes"), .memory)
        let streamed = try open(place.path("shapes"), .stream)
        #expect(cached.isInMemory && !streamed.isInMemory)
        let expected = cached.trainingBatches(seed: 2, size: 7, perStep: 2, on: device)
        let batches = streamed.trainingBatches(seed: 2, size: 7, perStep: 2, on: device)
        for step in Array(0..<8) + [3, 4, 100, 2, 2, 9] {
            for microbatch in 0..<2 {
                let (a, b) = (
                    try expected.batch(step: step, microbatch: microbatch),
                    try batches.batch(step: step, microbatch: microbatch)
                )
                #expect(
                    a.x.array() == b.x.array() && a.condition.classNumbers == b.condition.classNumbers, "step \(step)")
            }
        }
    }

    @Test("threads that decode change nothing") func threads() throws {
        let place = try Workplace()
        try ShapesFolder.write(to: place.path("shapes"), count: 150, resolution: 16)
        let one = try open(place.path("shapes"), .auto)
        let many = try open(place.path("shapes"), .auto, loading: LoadingOptions(threads: 4))
        #expect(try one.trainingSamples(150) == many.trainingSamples(150))
    }

    @Test("what does not fit in memory is streamed") func budget() throws {
        let place = try Workplace()
        try ShapesFolder.write(to: place.path("shapes"), count: 30, resolution: 16)
        let small = LoadingOptions(memory: 10_000)
        #expect(try !open(place.path("shapes"), .auto, loading: small).isInMemory)
        #expect(try open(place.path("shapes"), .memory, loading: small).isInMemory)
        #expect(try open(place.path("shapes"), .auto).isInMemory)
    }

    @Test("a file that becomes unreadable is an error of the batch that needs it") func failure() throws {
        let place = try Workplace()
        let data = try Making.numbered(12, in: place)
        var folder = Making.folder(place.path("numbered"), resolution: 2)
        folder.cache = .stream
        let batches = try Dataset(.imageFolder(folder), seed: 0).trainingBatches(seed: 0, size: 1, on: device)
        try place.write([1, 2, 3], to: "numbered/1005.png")
        let told = #expect(throws: Problem.self) { try Dataset(.imageFolder(folder), seed: 0) }
        #expect(told?.file == place.path("numbered/1005.png"))
        let labels = try (0..<12).map {
            try #require(try data.trainingBatches(seed: 0, size: 1, on: device).batch(step: $0).condition.classNumbers)[
                0]
        }
        for (step, label) in labels.enumerated() {
            if label == 5 {
                let problem = #expect(throws: Problem.self) { try batches.batch(step: step) }
                #expect(problem?.code == .corrupt && problem?.file == place.path("numbered/1005.png"))
            } else {
                #expect(try batches.batch(step: step).condition.classNumbers == [label])
            }
        }
    }

    @Test("decoding tells its progress and ends when told to") func progress() throws {
        struct Stopped: Error {}
        let place = try Workplace()
        try ShapesFolder.write(to: place.path("shapes"), count: 150, resolution: 8)
        let folder = DatasetConfiguration.imageFolder(Making.folder(place.path("shapes"), resolution: 8, channels: 3))
        var told: [Int] = []
        _ = try Dataset(folder, seed: 0) { done, total in
            told.append(done)
            #expect(total == 150)
        }
        #expect(told.last == 150 && told == told.sorted() && told.count > 1)
        #expect(throws: Stopped.self) { try Dataset(folder, seed: 0) { _, _ in throw Stopped() } }
    }
}
