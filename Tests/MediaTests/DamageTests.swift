import Foundation
import Media
import Problems
import TestSupport
import Testing

@Suite("damaged picture files") struct DamageTests {
    static let pictures = [
        "rgb_8.png", "rgba_16_interlaced.png", "palette_4.png", "noise.png", "rgb_420.jpg", "grey.jpg",
        "progressive.jpg", "cmyk.jpg",
    ]

    @Test("cut at every sixteenth, a file is corrupt", arguments: pictures) func truncated(name: String) throws {
        let bytes = try Pictures.bytes(name)
        for sixteenth in 0..<16 {
            let cut = Array(bytes.prefix(bytes.count * sixteenth / 16))
            let problem = #expect(throws: Problem.self) { try ImageFile.decode(cut, name: name) }
            #expect(
                problem?.code == .corrupt && problem?.remedy != nil,
                "\(sixteenth)/16: \(problem?.description ?? "read")")
        }
    }

    @Test("a JPEG without its last bytes is corrupt") func lastBytes() throws {
        let bytes = try Pictures.bytes("rgb_444.jpg")
        #expect(throws: Problem.self) { try JPEG.decode(bytes.dropLast(20)) }
    }

    @Test("3,000 changes to headers give a picture or a problem", arguments: pictures) func mutated(name: String) throws
    {
        let bytes = try Pictures.bytes(name)
        var random = SeededGenerator(seed: name.utf8.reduce(5) { $0 &* 31 &+ UInt64($1) })
        var refused = 0
        for round in 0..<3000 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                changed[Int.random(in: 0..<min(200, bytes.count), using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            if name.hasSuffix(".png") && round.isMultiple(of: 2) { repairChecksums(&changed) }
            do {
                let image = try ImageFile.decode(changed, name: "picture", limits: ImageLimits(pixels: 4_000_000))
                #expect(image.width * image.height <= 4_000_000)
            } catch {
                #expect(error is Problem, "\(error)")
                refused += 1
            }
        }
        #expect(refused > 0)
    }

    /// Sizes with a right checksum, which only the limits can refuse.
    @Test(
        "an image bomb is refused before its pixels have room",
        arguments: [(1 << 30, 1 << 30), (20_000, 20_000), (Int(Int32.max), 1), (0, 5), (9_000, 9_000)])
    func bomb(width: Int, height: Int) throws {
        var bytes = try Pictures.bytes("rgb_8.png")
        func put(_ value: UInt32, at offset: Int) {
            for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (24 - 8 * index)) }
        }
        put(UInt32(width), at: 16)
        put(UInt32(height), at: 20)
        put(crc32(bytes[12..<29]), at: 29)
        let problem = #expect(throws: Problem.self) { try PNG.decode(bytes) }
        let expected: Problem.Code = width > 0 && width * height > ImageLimits().pixels ? .invalid : .corrupt
        #expect(problem?.code == expected, "\(problem?.description ?? "read")")
    }

    @Test("a JPEG that claims 65535 x 65535 is refused") func hugeJPEG() throws {
        var bytes = try Pictures.bytes("rgb_420.jpg")
        let frame = try #require(bytes.indices.first { bytes[$0...].starts(with: [0xFF, 0xC0] as [UInt8]) })
        for at in frame + 5..<frame + 9 { bytes[at] = 0xFF }
        let problem = #expect(throws: Problem.self) { try JPEG.decode(bytes) }
        #expect(problem?.code == .invalid)
        bytes[frame + 5] = 0x20
        bytes[frame + 7] = 0x20
        #expect(throws: Problem.self) { try JPEG.decode(bytes) }
    }

    @Test("a wrong checksum is corrupt, in data and in remarks") func checksum() throws {
        for (name, from) in [("rgb_8.png", 50), ("texts.png", 60)] {
            var bytes = try Pictures.bytes(name)
            bytes[from] ^= 1
            let problem = #expect(throws: Problem.self) { try PNG.decode(bytes) }
            #expect(problem?.code == .corrupt)
        }
    }

    @Test("files that are not what they should be are named, with what to do")
    func names() throws {
        func problem(_ name: String) -> Problem? {
            #expect(throws: Problem.self) { try ImageFile.read(Pictures.path(name)) }
        }
        let disguised = problem("jpeg_named.png")
        #expect(disguised?.code == .corrupt)
        #expect(disguised?.message == "the file is a JPEG but is named as a PNG")
        #expect(disguised?.file == Pictures.path("jpeg_named.png"))
        #expect(disguised?.remedy?.contains("Rename") == true)
        for name in ["picture.gif", "picture.webp", "picture.bmp", "picture.tiff"] {
            #expect(problem(name)?.code == .unsupported, "\(name)")
        }
        #expect(problem("expected.json")?.code == .corrupt)
        #expect(problem("nothing.png")?.code == .missing)
        #expect(problem("")?.code == .invalid)
    }

    @Test("an empty file, and one too large to be read") func sizes() throws {
        let directory = try TemporaryDirectory()
        try Data().write(to: URL(filePath: directory("empty.png")))
        let empty = #expect(throws: Problem.self) { try ImageFile.read(directory("empty.png")) }
        #expect(empty?.code == .corrupt && empty?.message == "the file is empty")
        let large = #expect(throws: Problem.self) {
            try ImageFile.read(Pictures.path("noise.png"), limits: ImageLimits(fileBytes: 100))
        }
        #expect(large?.code == .invalid)
    }

    /// Gives each chunk of a PNG the checksum of what it now holds, so that damage reaches the code behind the check.
    private func repairChecksums(_ bytes: inout [UInt8]) {
        var chunk = 8
        while chunk + 12 <= bytes.count {
            let length = bytes[chunk..<chunk + 4].reduce(0) { $0 << 8 | Int($1) }
            let end = chunk + 8 + length
            guard end + 4 <= bytes.count else { return }
            let crc = crc32(bytes[chunk + 4..<end])
            for index in 0..<4 { bytes[end + index] = UInt8(truncatingIfNeeded: crc >> (24 - 8 * index)) }
            chunk = end + 4
        }
    }

    private func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}
