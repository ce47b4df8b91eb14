import Configurations
import Datasets
import Foundation
import Media
import Models
import Problems
import TensorCore
import TestSupport
import Testing

@Suite("IDX and CIFAR-10") struct BinaryTests {
    private func idx(_ images: String, labels: String? = nil, resolution: Int? = nil, channels: Int? = nil)
        -> DatasetConfiguration
    {
        var idx = IDXConfiguration()
        idx.imagesPath = images
        idx.labelsPath = labels
        idx.images = ImageOptions(resolution: resolution, channels: channels)
        return .idx(idx)
    }

    private func problem(_ configuration: DatasetConfiguration, loading: LoadingOptions = LoadingOptions()) -> Problem?
    {
        #expect(throws: Problem.self) { try Dataset(configuration, seed: 0, loading: loading) }
    }

    private let pixels = (0..<5 * 3 * 3).map { UInt8($0 * 5) }

    @Test("IDX, plain and gzip, with labels") func reads() throws {
        let place = try Workplace()
        try place.write(Making.idx([5, 3, 3], pixels), to: "images")
        try place.write(Making.idx([5], [4, 0, 2, 2, 1]), to: "labels")
        try place.compress("images", to: "images.gz")
        try place.compress("labels", to: "labels.gz")
        for mark in ["", ".gz"] {
            let data = try Dataset(idx(place.path("images" + mark), labels: place.path("labels" + mark)), seed: 0)
            #expect(data.shape == .image(ImageSize(3), channels: 1))
            #expect(data.classes == ["0", "1", "2", "3", "4"])
            #expect(try Array(data.trainingSamples(5).joined()) == pixels.map { Float($0) / 255 * 2 - 1 })
            #expect(data.validationBatchCount(size: 4) == 0)
        }
        let data = try Dataset(idx(place.path("images"), labels: place.path("labels")), seed: 0)
        let batch = try data.trainingBatches(seed: 0, size: 5, on: Device(threads: 1)).batch(step: 0)
        let samples = try data.trainingSamples(5)
        for (sample, label) in zip(batch.samples, try #require(batch.condition.classNumbers)) {
            #expect([4, 0, 2, 2, 1][try #require(samples.firstIndex(of: sample))] == label)
        }
    }

    @Test("IDX with colours, brought to another size") func colours() throws {
        let place = try Workplace()
        try place.write(Making.idx([2, 4, 4, 3], (0..<96).map { UInt8($0) }), to: "images")
        let plain = try Dataset(idx(place.path("images")), seed: 0)
        #expect(plain.shape == .image(ImageSize(4), channels: 3))
        let small = try Dataset(idx(place.path("images"), resolution: 2, channels: 1), seed: 0)
        let image = Image(width: 4, height: 4, channels: 3, bytes: (48..<96).map { UInt8($0) })
        #expect(try small.trainingSamples(2)[1] == image.centreSquare(resolution: 2).converted(toChannels: 1).signed)
    }

    @Test("IDX files cut short, too long, of another kind or out of step are refused") func bad() throws {
        let place = try Workplace()
        let good = Making.idx([5, 3, 3], pixels)
        try place.write(good, to: "images")
        try place.compress("images", to: "packed")
        let packed = [UInt8](try Data(contentsOf: URL(filePath: place.path("packed"))))
        for sixteenth in 0..<16 {
            for (bytes, name) in [(good, "cut"), (packed, "cut.gz")] {
                try place.write(Array(bytes.prefix(bytes.count * sixteenth / 16)), to: name)
                let found = problem(idx(place.path(name)))
                #expect(found?.code == .corrupt && found?.file == place.path(name), "\(sixteenth)/16 of \(name)")
            }
        }
        func check(_ bytes: [UInt8], _ code: Problem.Code, _ at: SourceLocation = #_sourceLocation) throws {
            try place.write(bytes, to: "bad")
            #expect(problem(idx(place.path("bad")))?.code == code, sourceLocation: at)
        }
        try check(good + [0], .corrupt)
        try check([1] + good.dropFirst(), .corrupt)
        try check(Making.idx([5, 3, 3], pixels, type: 13), .unsupported)
        try check(Making.idx([45], pixels), .invalid)
        try check(Making.idx([0, 3, 3], []), .corrupt)
        try check(Making.idx([1, 3, 3, 5], pixels), .unsupported)
        try check(Making.idx([0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF], pixels), .corrupt)
        try check(Making.idx([1 << 20, 28, 28], pixels), .corrupt)
        var wrong = packed
        wrong[packed.count - 6] ^= 1  // in the checksum
        try check(wrong, .corrupt)
        try place.write(Making.idx([4], [0, 0, 0, 0]), to: "labels")
        let unequal = problem(idx(place.path("images"), labels: place.path("labels")))
        #expect(unequal?.code == .invalid && unequal?.file == place.path("labels"))
        #expect(problem(idx(place.path("images"), labels: place.path("images")))?.code == .invalid)
        #expect(problem(idx(place.path("nothing")))?.code == .missing)
        #expect(problem(idx(place.path("images")), loading: LoadingOptions(memory: 20))?.code == .invalid)
    }

    @Test("3,000 changes to an IDX header give a set or a problem") func mutated() throws {
        let place = try Workplace()
        let good = Making.idx([5, 3, 3], pixels)
        var random = SeededGenerator(seed: 77)
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<16, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            try place.write(bytes, to: "images")
            do {
                #expect(try Dataset(idx(place.path("images"), resolution: 3), seed: 0).trainingCount <= 45)
            } catch {
                #expect(error is Problem)
            }
        }
    }

    private func cifar(_ path: String) -> DatasetConfiguration {
        var cifar = CIFAR10Configuration()
        cifar.path = path
        return .cifar10(cifar)
    }

    /// A record whose planes are constant.
    private func record(_ label: UInt8, _ red: UInt8, _ green: UInt8, _ blue: UInt8) -> [UInt8] {
        [label] + [red, green, blue].flatMap { [UInt8](repeating: $0, count: 1024) }
    }

    @Test("CIFAR-10 in its binary version") func cifar10() throws {
        let place = try Workplace()
        for batch in 1...5 {
            try place.write(
                record(UInt8(batch), UInt8(batch), 100, 200) + record(0, 0, 0, UInt8(batch)),
                to: "set/data_batch_\(batch).bin")
        }
        let data = try Dataset(cifar(place.path("set")), seed: 0)
        #expect(data.trainingCount == 10 && data.classes.count == 10 && data.classes[3] == "cat")
        let third = try data.trainingSamples(10)[4]
        #expect(
            Array(third.prefix(6)) == [3, 100, 200, 3, 100, 200].map { Float($0) / 255 * 2 - 1 } && third.count == 3072)
        try place.write("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n", to: "set/batches.meta.txt")
        #expect(try Dataset(cifar(place.path("set")), seed: 0).classes == "abcdefghij".map(String.init))

        try place.write("only\none", to: "set/batches.meta.txt")
        #expect(problem(cifar(place.path("set")))?.file == place.path("set/batches.meta.txt"))
        try place.write("a\nb\nc\nd\ne\nf\ng\nh\ni\nj", to: "set/batches.meta.txt")
        try place.write(record(10, 0, 0, 0), to: "set/data_batch_4.bin")
        let label = problem(cifar(place.path("set")))
        #expect(label?.code == .corrupt && label?.file == place.path("set/data_batch_4.bin"))
        try place.write(Array(record(1, 0, 0, 0).dropLast()), to: "set/data_batch_4.bin")
        #expect(problem(cifar(place.path("set")))?.code == .corrupt)
        try FileManager.default.removeItem(atPath: place.path("set/data_batch_4.bin"))
        #expect(problem(cifar(place.path("set")))?.code == .missing)
    }
}
