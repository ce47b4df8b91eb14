import Media
import Problems
import TestSupport
import Testing

@Suite("GIF") struct GIFTests {
    @Test("grey frames come back exactly, with their times, forever") func grey() throws {
        var random = SeededGenerator(seed: 11)
        let frames = (0..<3).map { _ in
            Image(
                width: 31, height: 17, channels: 1,
                bytes: (0..<31 * 17).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        let read = try GIFReader.read(try GIF.encode(frames, delay: 0.08, lastDelay: 1.5))
        #expect(read.loops)
        #expect(read.frames.map(\.delay) == [8, 8, 150])
        for (frame, original) in zip(read.frames, frames) {
            #expect(frame.rgb == original.converted(toChannels: 3).bytes)
        }
    }

    @Test("a colour frame of up to 256 colours comes back exactly", arguments: [1, 2, 3, 255, 256])
    func exact(colours: Int) throws {
        let bytes = (0..<256).flatMap { i in
            let colour = i % colours
            return [UInt8(colour), UInt8(255 - colour), UInt8(colour * 7 % 256)]
        }
        let image = Image(width: 16, height: 16, channels: 3, bytes: bytes)
        #expect(try GIFReader.read(try GIF.encode([image], delay: 0.1)).frames.map(\.rgb) == [bytes])
    }

    @Test("many colours come back near") func reduced() throws {
        let bytes = (0..<64 * 64).flatMap { pixel -> [UInt8] in
            let (x, y) = (pixel % 64, pixel / 64)
            return [UInt8(x * 4), UInt8(y * 4), UInt8((x + y) * 2)]
        }
        let image = Image(width: 64, height: 64, channels: 3, bytes: bytes)
        let read = try GIFReader.read(try GIF.encode([image], delay: 0.1)).frames[0].rgb
        let errors = zip(read, bytes).map { abs(Int($0) - Int($1)) }
        #expect(errors.max()! <= 16 && Double(errors.reduce(0, +)) / Double(errors.count) < 5)
        #expect(try GIF.encode([image], delay: 0.1) == GIF.encode([image], delay: 0.1))
    }

    @Test("a side beyond the format's limit is an error") func tooWide() {
        let wide = Image(width: 65536, height: 1, channels: 1, bytes: [UInt8](repeating: 0, count: 65536))
        let problem = #expect(throws: Problem.self) { try GIF.encode([wide], delay: 0.1) }
        #expect(problem?.code == .unsupported)
    }
}

/// Enough of GIF89a to read back what we write; it shares nothing with the writer.
struct GIFReader {
    struct Frame {
        var delay: Int
        var rgb: [UInt8]
    }

    struct Truncated: Error {}

    var loops = false
    var frames: [Frame] = []

    static func read(_ bytes: [UInt8]) throws -> GIFReader {
        var reader = GIFReader()
        var position = 13
        var delay = 0
        try #require(bytes.starts(with: "GIF89a".utf8) && bytes[10] & 0x80 == 0)
        func blocks() -> [UInt8] {
            var data: [UInt8] = []
            while bytes[position] != 0 {
                data += bytes[position + 1...position + Int(bytes[position])]
                position += 1 + Int(bytes[position])
            }
            position += 1
            return data
        }
        while bytes[position] != 0x3B {
            if bytes[position] == 0x21 {
                let label = bytes[position + 1]
                position += 2
                let data = blocks()
                if label == 0xF9 { delay = Int(data[1]) | Int(data[2]) << 8 }
                if label == 0xFF { reader.loops = data == Array("NETSCAPE2.0".utf8) + [1, 0, 0] }
            } else {
                try #require(bytes[position] == 0x2C)
                let flags = bytes[position + 9]
                let count = 2 << Int(flags & 7)
                let palette = Array(bytes[position + 10..<position + 10 + 3 * count])
                position += 10 + 3 * count
                let codeSize = Int(bytes[position])
                position += 1
                let indices = unpack(blocks(), codeSize: codeSize)
                reader.frames.append(
                    Frame(delay: delay, rgb: indices.flatMap { palette[3 * Int($0)..<3 * Int($0) + 3] }))
            }
        }
        return reader
    }

    /// LZW with growing codes.
    private static func unpack(_ data: [UInt8], codeSize: Int) -> [UInt8] {
        let clear = 1 << codeSize
        var table: [[UInt8]] = []
        var width = codeSize + 1
        var out: [UInt8] = []
        var previous: [UInt8] = []
        var bit = 0
        while true {
            var code = 0
            for index in 0..<width { code |= Int(data[(bit + index) / 8] >> ((bit + index) % 8) & 1) << index }
            bit += width
            if code == clear {
                table = (0..<clear).map { [UInt8($0)] } + [[], []]
                width = codeSize + 1
                previous = []
            } else if code == clear + 1 {
                return out
            } else {
                let entry = code < table.count ? table[code] : previous + [previous[0]]
                out += entry
                if !previous.isEmpty && table.count < 4096 { table.append(previous + [entry[0]]) }
                if table.count == 1 << width && width < 12 { width += 1 }
                previous = entry
            }
        }
    }
}
