import Configurations
import Datasets
import Media
import Problems
import TensorCore
import TestSupport
import Testing

@Suite("shapes with captions") struct CaptionedShapesTests {
    private func dataset(_ count: Int, seed: UInt64 = 0, resolution: Int = 16, channels: Int = 3) throws -> Dataset {
        var set = SyntheticDatasetConfiguration()
        (set.name, set.count, set.seed) = (.captionedShapes, count, seed)
        set.images = ImageOptions(resolution: resolution, channels: channels)
        var loading = LoadingOptions()
        loading.readsCaptions = true
        return try Dataset(.synthetic(set), seed: 0, loading: loading)
    }

    // MARK: - Captions

    @Test(
        "captions are what they say",
        arguments: [
            "a red disc", "an orange cross", "a small orange cross", "a large white disc right of a cyan triangle",
            "a small red square left of a large blue disc, both above a green ring",
        ])
    func text(_ text: String) throws {
        #expect(try #require(ShapeCaption(text)).description == text)
    }

    @Test(
        "what does not follow the grammar is no caption",
        arguments: [
            "", "a", "red disc", "a disc", "a red", "an red disc", "a orange disc", "A red disc", "a red disc ",
            "a red  disc",
            "a red small disc", "a red disc left of", "a red disc left a blue disc",
            "a red disc, both above a blue disc",
            "a red disc left of a blue disc above a green disc", "a red disc and a blue disc", "a pink disc",
            "a red disc.",
            "a red disc left of a blue disc, both above a green disc, both above a white disc",
        ])
    func noText(_ text: String) { #expect(ShapeCaption(text) == nil) }

    @Test("training has no pair and no sentence that is kept for asking") func heldOut() throws {
        let set = try CaptionedShapes(seed: 3)
        let trained = Set((0..<20_000).map { set.caption($0) })
        let pairs = Set(trained.flatMap { $0.items.map { "\($0.colour) \($0.shape)" } })
        #expect(
            pairs.count == 28 && pairs.isDisjoint(with: ["cyan disc", "red square", "white triangle", "blue cross"]))
        // All words are in it, and as many pictures of each number of shapes.
        #expect(Set(trained.flatMap { $0.items.map(\.colour) }) == Set(NamedColour.allCases))
        #expect(Set(trained.flatMap { $0.items.map(\.shape) }) == Set(NamedShape.drawn))
        #expect(Set(trained.flatMap(\.relations)) == Set(ShapeCaption.Relation.allCases))
        for number in 1...3 {
            let share = Double((0..<20_000).count { set.caption($0).items.count == number }) / 20_000
            #expect(abs(share - 1.0 / 3) < 0.02, "\(number): \(share)")
        }
        for kind in ShapeCaption.Unseen.allCases {
            let asked = ShapeCaption.unseen(kind, count: 300, seed: 1)
            #expect(Set(asked).count == 300 && trained.isDisjoint(with: asked))
            #expect((1...3).allSatisfy { number in asked.prefix(24).count { $0.items.count == number } == 8 })
            #expect(asked.allSatisfy { $0.hasHeldOutPair == (kind == .heldOutPairs) })
            #expect(asked.allSatisfy { ShapeCaption($0.description) == $0 })
            #expect(ShapeCaption.unseen(kind, count: 40, seed: 1) == Array(asked.prefix(40)))
            #expect(ShapeCaption.unseen(kind, count: 40, seed: 2) != Array(asked.prefix(40)))
        }
        // Every pair of the set is asked for, in other sentences.
        let seen = ShapeCaption.unseen(.seenPairs, count: 300, seed: 1)
        #expect(Set(seen.flatMap { $0.items.map { "\($0.colour) \($0.shape)" } }) == pairs)
    }

    // MARK: - Samples

    @Test("a sample is a function of seed and number, and has its caption") func samples() throws {
        let data = try dataset(40, seed: 5)
        let set = try CaptionedShapes(resolution: 16, seed: 5)
        #expect(data.classes.isEmpty && data.shape == .image(ImageSize(16), channels: 3) && !data.isInMemory)
        #expect(try data.trainingSamples(40) == (0..<40).map { set.image($0).signed })
        #expect(try data.trainingSamples(9) == dataset(9, seed: 5).trainingSamples(9))
        #expect(try data.trainingSamples(9) != dataset(9, seed: 6).trainingSamples(9))
        let texts = try #require(data.captions)
        #expect(Set(texts) == Set((0..<40).map { set.caption($0).description }))
        // The network sees each picture with its own caption, whatever the order.
        let batch = try data.trainingBatches(seed: 1, size: 8, on: Device(threads: 1)).batch(step: 2)
        let captions = try #require(batch.captions)
        for (sample, number) in zip(batch.samples, captions) {
            let image = Image(width: 16, height: 16, channels: 3, signed: sample)
            #expect(CaptionRule.shows(try #require(ShapeCaption(texts[number])), in: image), "\(texts[number])")
        }
    }

    @Test("captions are made where somebody reads them only") func unread() throws {
        var set = SyntheticDatasetConfiguration()
        (set.name, set.count) = (.captionedShapes, 5)
        set.images = ImageOptions(resolution: 16, channels: 3)
        #expect(try Dataset(.synthetic(set), seed: 0).captions == nil)
        // They count as memory: twice as many samples as would fit with them do without.
        set.count = 200_000
        var loading = LoadingOptions(limits: ImageLimits(memory: 24 << 20))
        #expect(try Dataset(.synthetic(set), seed: 0, loading: loading).trainingCount == 200_000)
        loading.readsCaptions = true
        let problem = #expect(throws: Problem.self) { try Dataset(.synthetic(set), seed: 0, loading: loading) }
        #expect(problem?.path == "$.dataset.count")
    }

    @Test("too few pixels and no colours are refused") func misfits() {
        #expect(throws: Problem.self) { try dataset(3, resolution: 15) }
        #expect(throws: Problem.self) { try dataset(3, channels: 1) }
    }
}
