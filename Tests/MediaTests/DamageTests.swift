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

    /// Behind the last pixel a file may end anywhere: nothing that is seen is missing then.
    @Test("cut at every byte, a file is corrupt, or read whole with a warning", arguments: pictures)
    func truncated(name: String) throws {
        let bytes = try Pictures.bytes(name)
        let whole = try ImageFile.decode(bytes)
        var refused = 0
        for count in 0..<bytes.count {
            var warnings = 0
            do {
                let image = try ImageFile.decode(Array(bytes.prefix(count))) { _ in warnings += 1 }
                #expect(image == whole && warnings > 0, "\(count) of \(bytes.count) bytes")
            } catch let problem as Problem {
                #expect(problem.code == .corrupt && problem.remedy != nil, "\(count): \(problem)")
                refused += 1
            }
        }
        #expect(refused >= bytes.count - 16, "\(refused) of \(bytes.count)")
    }

    @Test("a JPEG without its last bytes is corrupt") func lastBytes() throws {
        let bytes = try Pictures.bytes("rgb_444.jpg")
        #expect(throws: Problem.self) { try ImageFile.decode(bytes.dropLast(20)) }
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
                let image = try ImageFile.decode(changed, limits: ImageLimits(pixels: 4_000_000))
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
        let problem = #expect(throws: Problem.self) { try ImageFile.decode(bytes) }
        #expect(problem?.code == .invalid)
        bytes[frame + 5] = 0x20
        bytes[frame + 7] = 0x20
        #expect(throws: Problem.self) { try ImageFile.decode(bytes) }
    }

    @Test("a wrong checksum of data is corrupt") func checksum() throws {
        var bytes = try Pictures.bytes("rgb_8.png")
        bytes[50] ^= 1
        let problem = #expect(throws: Problem.self) { try PNG.decode(bytes) }
        #expect(problem?.code == .corrupt)
    }

    @Test("files that are not what they should be are named, with what to do")
    func names() throws {
        func problem(_ name: String) -> Problem? {
            #expect(throws: Problem.self) { try ImageFile.read(Pictures.path(name)) }
        }
        let unread = problem("picture.bmp")
        #expect(unread?.code == .unsupported && unread?.file == Pictures.path("picture.bmp"))
        #expect(unread?.remedy?.contains("Convert") == true)
        #expect(problem("expected.json")?.code == .corrupt)
        #expect(problem("nothing.png")?.code == .missing)
        #expect(problem("")?.code == .invalid)
    }

    @Test("a picture is what its bytes say, whatever it is called")
    func disguised() throws {
        let directory = try TemporaryDirectory()
        for name in ["jpeg_named.png", "picture.gif", "picture.webp", "picture.tiff", "rgb_8.png"] {
            let image = try ImageFile.read(Pictures.path(name))
            for ending in ["png", "jpg", "webp", "gif", "tif", "bmp", "txt"] {
                let path = directory("\(name).\(ending)")
                try Data(Pictures.bytes(name)).write(to: URL(filePath: path))
                #expect(try ImageFile.read(path) == image, "\(path)")
            }
        }
    }

    @Test("what decoding would take beyond the memory allowed is refused before it is taken")
    func memory() throws {
        for name in ["rgb_8.png", "rgb_420.jpg", "picture.gif", "picture.webp", "picture.tiff"] {
            let problem = #expect(throws: Problem.self) {
                try ImageFile.decode(Pictures.bytes(name), limits: ImageLimits(memory: 100))
            }
            #expect(problem?.code == .invalid && problem?.message.contains("memory") == true, "\(name)")
        }
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
