import Configurations
import Datasets
import Problems
import TensorCore
import TestSupport
import Testing

@Suite("captions of pictures") struct CaptionTests {
    private let place: Workplace

    init() throws {
        place = try Workplace()
        for name in ["a/one_red-01.png", "a/two.png", "b/three.png"] { try place.writeImage(90, to: "set/\(name)") }
    }

    private func dataset(
        _ source: CaptionOptions.Source = .auto, common: String? = nil, held: ValidationSplit = .none
    ) throws -> Dataset {
        var folder = Making.folder(place.path("set"))
        folder.captions.source = source
        folder.captions.common = common
        folder.labels = .none
        folder.validationSplit = held
        return try Dataset(.imageFolder(folder), seed: 1, loading: Self.loading)
    }

    private static var loading: LoadingOptions {
        var loading = LoadingOptions()
        loading.readsCaptions = true
        return loading
    }

    /// The captions of so many batches of all three pictures, in the order of the pictures' names.
    private func drawn(_ dataset: Dataset, batches: Int, seed: UInt64 = 7) throws -> Set<String> {
        let captions = try #require(dataset.captions)
        let made = dataset.trainingBatches(seed: seed, size: 3, on: Device(threads: 1))
        return try Set(
            (0..<batches).flatMap { step in try #require(made.batch(step: step).captions).map { captions[$0] } })
    }

    @Test("come from metadata.jsonl, one or several a picture") func metadata() throws {
        try place.write(
            """
            \u{FEFF}{"file_name": "a/one_red-01.png", "text": "eine rote Eins \u{1F534}"}
            {"file_name": "./a/two.png", "caption": ["two", "zwei"]}
            {"file_name": "b/three.png", "text": "three"}

            """, to: "set/metadata.jsonl")
        for source in [CaptionOptions.Source.auto, .metadata] {
            let dataset = try dataset(source)
            #expect(dataset.captions == ["eine rote Eins \u{1F534}", "two", "zwei", "three"])
            #expect(try drawn(dataset, batches: 40).count == 4)
        }
    }

    @Test("come from text files beside the pictures, a caption a line") func sidecars() throws {
        try place.write("  red, bright \r\n\r\nround\n", to: "set/a/one_red-01.txt")
        try place.write("two", to: "set/a/two.txt")
        try place.write("three", to: "set/b/three.txt")
        let dataset = try dataset()
        #expect(dataset.captions == ["red, bright", "round", "two", "three"])
        #expect(!dataset.notes.contains { $0.contains(".txt") })
    }

    @Test("come from names of files or folders, or are one for all") func names() throws {
        #expect(try dataset(.fileName).captions == ["one red", "two", "three"])
        #expect(try dataset(.folder).captions == ["a", "b"])
        #expect(try dataset(common: "a photo of sks").captions == ["a photo of sks"])
        #expect(try dataset().captions == nil && dataset(.none).captions == nil)
    }

    /// Which of its captions a picture has is a function of seed and place alone, as its order is.
    @Test("are drawn by seed and step, and held-out pictures keep the first") func choice() throws {
        for name in ["a/one_red-01", "a/two", "b/three"] {
            try place.write((0..<8).map { "\(name) \($0)" }.joined(separator: "\n"), to: "set/\(name).txt")
        }
        let dataset = try dataset(held: .count(1))
        func numbers(size: Int, perStep: Int, seed: UInt64) throws -> [Int] {
            let batches = dataset.trainingBatches(seed: seed, size: size, perStep: perStep, on: Device(threads: 1))
            return try (0..<12 / (size * perStep)).flatMap { step in
                try (0..<perStep).flatMap { try #require(batches.batch(step: step, microbatch: $0).captions) }
            }
        }
        let once = try numbers(size: 4, perStep: 1, seed: 3)
        #expect(try once == numbers(size: 2, perStep: 2, seed: 3) && once == numbers(size: 1, perStep: 1, seed: 3))
        #expect(try once != numbers(size: 4, perStep: 1, seed: 4))
        #expect(Set(once).count > 4)
        let held = try dataset.validationBatch(0, size: 1, on: Device(threads: 1))
        #expect(try #require(held.captions?.first) % 8 == 0)
    }

    @Test("that lack, have no picture or are empty are told with their file")
    func faults() throws {
        func message(_ source: CaptionOptions.Source) throws -> String {
            do { _ = try dataset(source) } catch { return "\(error)" }
            return "nothing"
        }
        try place.write("two", to: "set/a/two.txt")
        #expect(try message(.sidecar).contains("\"a/one_red-01.png\" has no caption"))
        #expect(try message(.auto).contains("\"b/three.png\" has no caption"))
        try place.write("one", to: "set/a/one_red-01.txt")
        try place.write(" \n\n", to: "set/b/three.txt")
        #expect(try message(.sidecar).contains("the caption is empty"))
        try place.write("three", to: "set/b/three.txt")
        try place.write("four", to: "set/b/four.txt")
        #expect(try message(.sidecar).contains("there is no picture to this caption"))
        try place.write([0xFF, 0xFE, 0x41, 0], to: "set/b/four.txt")
        try place.writeImage(3, to: "set/b/four.png")
        #expect(try message(.sidecar).contains("UTF-16"))
        #expect(try message(.metadata).contains("metadata.jsonl"))
        try place.write(
            #"{"file_name": "a/two.png", "text": 3}"# + "\n" + #"{"file_name": "b/three.png", "text": [""]}"#,
            to: "set/metadata.jsonl")
        #expect(try message(.metadata).contains("the caption is no text"))
        try place.writeImage(3, to: "set/stray.png")
        try place.write("", to: "set/metadata.jsonl")
        #expect(try message(.folder).contains("the folder's name says nothing"))
    }
}
