import Media
import Problems
import TestSupport
import Testing

@Suite("PNG") struct PNGTests {
    static let names =
        ["", "_interlaced"].flatMap { mark in
            [
                "grey_1", "grey_2", "grey_4", "grey_8", "grey_16", "grey_alpha_8", "grey_alpha_16", "rgb_8", "rgb_16",
                "rgba_8",
                "rgba_16", "palette_1", "palette_2", "palette_4", "palette_8",
            ].map { $0 + mark + ".png" }
        } + ["palette_transparent.png", "grey_transparent.png", "rgb_transparent.png"]

    @Test("every colour type, depth and interlacing", arguments: names)
    func reads(name: String) throws {
        try Pictures.check(try PNG.decode(try Pictures.bytes(name)).image, name)
    }

    @Test("alpha is composited over white, within 1/255 of Pillow") func overWhite() throws {
        try Pictures.check(try ImageFile.read(Pictures.path("rgba_8.png")), "rgba_8.png over white", within: 1)
    }

    @Test("8-bit images of 1 to 4 channels come back as they were written", arguments: 1...4)
    func roundTrip(channels: Int) throws {
        var random = SeededGenerator(seed: 3)
        let bytes = (0..<13 * 9 * channels).map { _ in UInt8.random(in: 0...255, using: &random) }
        let image = Image(width: 13, height: 9, channels: channels, bytes: bytes)
        let written = try PNG.encode(image)
        #expect(try PNG.decode(written).image == image)
        #expect(try PNG.encode(image) == written)
    }

    @Test("a 16-bit image is written rounded to 8 bits") func sixteenBits() throws {
        let samples: [UInt16] = [0, 128, 129, 257, 65535, 65406]
        let image = Image(width: 6, height: 1, channels: 1, depth: .sixteen, samples: samples)
        #expect(try PNG.decode(try PNG.encode(image)).image.bytes == [0, 0, 1, 1, 255, 254])
    }

    @Test("texts in Latin-1, other scripts and with zeros") func texts() throws {
        let image = Image(width: 1, height: 1, channels: 1, bytes: [7])
        let texts = [
            PNG.Text("parameters", "steps: 50\ncafé"), PNG.Text("Title", "雪 ❄"), PNG.Text("Comment", "a\0b"),
            PNG.Text("Empty", ""),
        ]
        let read = try PNG.decode(try PNG.encode(image, texts: texts)).texts
        #expect(read == texts.map { PNG.Text($0.keyword, $0.keyword == "Comment" ? "a\u{FFFD}b" : $0.value) })
    }

    @Test("texts that Pillow wrote, plain, compressed and international") func pillowTexts() throws {
        let texts = try PNG.decode(try Pictures.bytes("texts.png")).texts
        #expect(
            texts == [
                PNG.Text("parameters", "steps: 50, café"), PNG.Text("Comment", String(repeating: "x", count: 300)),
                PNG.Text("Title", "雪 ❄"),
            ])
    }

    @Test("a keyword that the format refuses is an error") func badKeyword() {
        let image = Image(width: 1, height: 1, channels: 1, bytes: [7])
        #expect(throws: Problem.self) { try PNG.encode(image, texts: [PNG.Text("", "x")]) }
    }
}
