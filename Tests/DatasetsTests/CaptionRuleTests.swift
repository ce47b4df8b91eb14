import Datasets
import Media
import TestSupport
import Testing

@Suite("the rule for captions") struct CaptionRuleTests {
    @Test("sees what was drawn, through noise too", arguments: [(16, 1500), (20, 500), (32, 3000), (64, 300)])
    func drawn(resolution: Int, count: Int) throws {
        let set = try CaptionedShapes(resolution: resolution, seed: 11)
        var random = SeededGenerator(seed: 5)
        for index in 0..<count {
            let (image, caption) = (set.image(index), set.caption(index))
            let clean = CaptionRule.faults(in: image, of: caption)
            #expect(clean.isEmpty, "\(index), \(caption): \(clean)")
            let noisy = CaptionRule.faults(in: image.noisy(deviation: 0.03, &random), of: caption)
            #expect(noisy.isEmpty, "\(index), \(caption), with noise: \(noisy)")
        }
    }

    @Test("sees it when it is blurred") func blurred() throws {
        let set = try CaptionedShapes(seed: 12)
        var random = SeededGenerator(seed: 6)
        for index in 0..<1500 {
            let image = set.image(index).blurred.noisy(deviation: 0.03, &random)
            let faults = CaptionRule.faults(in: image, of: set.caption(index))
            #expect(faults.isEmpty, "\(index), \(set.caption(index)): \(faults)")
        }
    }

    @Test("sees pairs and shapes that training lacks") func unseen() throws {
        let set = try CaptionedShapes(seed: 13)
        let colours = NamedColour.allCases
        let rings = (0..<100).map {
            ShapeCaption(.init([.small, .large, nil][$0 % 3], colours[$0 % colours.count], .ring))
        }
        for (index, caption) in (rings + ShapeCaption.unseen(.heldOutPairs, count: 300, seed: 1)).enumerated() {
            let faults = CaptionRule.faults(in: set.image(of: caption, index), of: caption)
            #expect(faults.isEmpty, "\(caption): \(faults)")
        }
    }

    @Test("accepts no caption that differs in one word", arguments: [(16, 40), (32, 150)])
    func oneWord(resolution: Int, count: Int) throws {
        let set = try CaptionedShapes(resolution: resolution, seed: 14)
        var tried = 0
        for index in 0..<count {
            for caption in set.caption(index).othersByOneWord {
                tried += 1
                #expect(!CaptionRule.shows(caption, in: set.image(index)), "\(set.caption(index)) | \(caption)")
            }
        }
        #expect(tried > 15 * count, "\(tried) captions")
    }

    @Test("says what is wrong") func faults() throws {
        let set = try CaptionedShapes(seed: 15)
        func faults(_ shown: String, _ asked: String) throws -> Set<CaptionRule.Fault> {
            CaptionRule.faults(
                in: set.image(of: try #require(ShapeCaption(shown)), 1), of: try #require(ShapeCaption(asked)))
        }
        let pair = "a small red disc left of a large blue square"
        #expect(try faults(pair, "a red disc") == [.number])
        #expect(try faults(pair, "a small red disc left of a large white square") == [.colour])
        #expect(try faults(pair, "a small red disc left of a large blue triangle") == [.shape])
        #expect(try faults(pair, "a large red disc left of a large blue square") == [.size])
        #expect(try faults(pair, "a small red disc above a large blue square") == [.place])
        #expect(try faults(pair, "a large blue square right of a small red disc").isEmpty)
        #expect(try faults("\(pair), both above a cyan cross", "\(pair), both below a cyan cross") == [.place])
        // The colours change places: each shape is wrong, not the places.
        #expect(try faults(pair, "a small blue disc left of a large red square") == [.colour])
    }

    @Test("sees nothing in noise, on plain grounds and in other shapes") func nothing() throws {
        var random = SeededGenerator(seed: 7)
        func shows(_ text: String, _ level: (Int, Int) -> Float) throws -> Bool {
            let values = (0..<1024).flatMap { pixel in [Float](repeating: level(pixel % 32, pixel / 32), count: 3) }
            let image = Image(width: 32, height: 32, channels: 3, signed: values)
            return CaptionRule.shows(try #require(ShapeCaption(text)), in: image)
        }
        for shape in NamedShape.allCases {
            let text = "a white \(shape)"
            #expect(try !shows(text) { _, _ in 0.3 })
            #expect(try !shows(text) { _, _ in Float.random(in: -1...1, using: &random) })
            #expect(try !shows(text) { x, _ in Float(x) / 16 - 1 })
            // A bar, and half a disc.
            #expect(try !shows(text) { x, y in (4..<28).contains(x) && (12..<18).contains(y) ? 1 : -1 })
            #expect(try !shows(text) { x, y in y > 16 && (x - 16) * (x - 16) + (y - 16) * (y - 16) < 100 ? 1 : -1 })
        }
        let square = { (x: Int, y: Int) -> Float in (8..<21).contains(x) && (10..<23).contains(y) ? 1 : -1 }
        #expect(try shows("a large white square", square))
        // A second one beside it, and a grey one in its place.
        #expect(try !shows("a large white square") { x, y in x < 5 && y < 5 && x > 0 && y > 0 ? 1 : square(x, y) })
        #expect(try !shows("a large white square") { x, y in square(x, y) / 2 - 0.5 })
    }
}

extension ShapeCaption {
    /// All captions with one word of the set in the place of another.
    fileprivate var othersByOneWord: [ShapeCaption] {
        let vocabulary =
            NamedShape.allCases.map(\.rawValue) + NamedColour.allCases.map(\.rawValue) + Size.allCases.map(\.rawValue)
            + Relation.allCases.map(\.rawValue)
        let words = description.split(separator: " ").map(String.init)
        return words.indices.flatMap { index in
            vocabulary.compactMap { word -> ShapeCaption? in
                var changed = words
                changed[index] = words[index].hasSuffix(",") ? "\(word)," : word
                return changed == words ? nil : ShapeCaption(changed.joined(separator: " "))
            }
        }
    }
}

extension Image {
    fileprivate func noisy(deviation: Float, _ random: inout SeededGenerator) -> Image {
        // The sum of twelve uniforms is nearly normal, of variance 1.
        let values = signed.map { value in
            value + 2 * deviation * ((0..<12).reduce(-6) { sum, _ in sum + Float.random(in: 0..<1, using: &random) })
        }
        return Image(width: width, height: height, channels: channels, signed: values)
    }

    /// By 1, 2, 1 in each direction.
    fileprivate var blurred: Image {
        let values = signed
        func value(_ x: Int, _ y: Int, _ channel: Int) -> Float {
            values[(min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)) * channels + channel]
        }
        let mixed = (0..<values.count).map { index -> Float in
            let (x, y, channel) = (index / channels % width, index / channels / width, index % channels)
            func row(_ y: Int) -> Float {
                value(x - 1, y, channel) + 2 * value(x, y, channel) + value(x + 1, y, channel)
            }
            return (row(y - 1) + 2 * row(y) + row(y + 1)) / 16
        }
        return Image(width: width, height: height, channels: channels, signed: mixed)
    }
}
