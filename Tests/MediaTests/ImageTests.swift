import Media
import Testing

@Suite("images") struct ImageTests {
    @Test("resizing is Pillow's, within 1/255", arguments: [(16, 12), (8, 23), (41, 26), (50, 9), (1, 1), (37, 23)])
    func resize(width: Int, height: Int) throws {
        let source = try ImageFile.read(Pictures.path("noise.png"))
        try Pictures.check(source.resized(width: width, height: height), "noise.png to \(width)x\(height)", within: 1)
    }

    @Test("the centre square is the resized box") func centreSquare() throws {
        let source = try ImageFile.read(Pictures.path("noise.png"))
        try Pictures.check(source.centreSquare(resolution: 16), "noise.png square 16", within: 1)
        let square = source.centreSquare(resolution: 23)
        #expect(square.width == 23 && square[0, 5] == source[7, 5])
    }

    @Test("a long thin image needs no more room than its square") func thin() {
        let image = Image(width: 100_000, height: 1, channels: 1, bytes: [UInt8](repeating: 40, count: 100_000))
        #expect(image.centreSquare(resolution: 8).bytes == [UInt8](repeating: 40, count: 64))
    }

    @Test("16 bits stay 16 bits when resized") func deep() {
        let image = Image(width: 4, height: 1, channels: 1, depth: .sixteen, samples: [1000, 1002, 65535, 65531])
        #expect(image.resized(width: 4, height: 1) == image)
        let half = image.resized(width: 1, height: 1, box: Image.Box(x: 0, y: 0, width: 1, height: 1))
        #expect(half.samples == [1000])
    }

    @Test("grey from colour as Pillow does it, and back") func grey() throws {
        let source = try ImageFile.read(Pictures.path("noise.png"))
        let grey = source.converted(toChannels: 1)
        try Pictures.check(grey, "noise.png grey")
        #expect(grey.converted(toChannels: 3).converted(toChannels: 1) == grey)
    }

    @Test("[-1, 1] and back, every byte") func signed() {
        let image = Image(width: 256, height: 1, channels: 1, bytes: Array(0...255))
        #expect(image.signed.first == -1 && image.signed.last == 1)
        #expect(Image(width: 256, height: 1, channels: 1, signed: image.signed) == image)
        let wild: [Float] = [-7, 7, .nan, .infinity, -.infinity, 0]
        #expect(Image(width: 6, height: 1, channels: 1, signed: wild).bytes == [0, 255, 0, 255, 0, 128])
    }

    @Test("a fully transparent pixel is white, an opaque one itself") func flattened() {
        let image = Image(width: 3, height: 1, channels: 2, bytes: [10, 0, 10, 255, 0, 128])
        #expect(image.flattened.bytes == [255, 10, 127])
        let deep = Image(width: 2, height: 1, channels: 2, depth: .sixteen, samples: [65535, 65535, 0, 1])
        #expect(deep.flattened.samples == [65535, 65534])
    }

    @Test("mirroring exchanges left and right") func mirrored() {
        let image = Image(width: 2, height: 2, channels: 3, bytes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        #expect(image.mirrored.bytes == [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9])
    }

    @Test("a grid puts cells in reading order") func grid() {
        let cells = (1...3).map { Image(width: 2, height: 1, channels: 1, bytes: [UInt8($0), UInt8($0)]) }
        let grid = Image.grid(cells, columns: 2, padding: 1, background: 0)
        #expect(grid.width == 7 && grid.height == 5)
        #expect(
            grid.bytes == [
                0, 0, 0, 0, 0, 0, 0,  //
                0, 1, 1, 0, 2, 2, 0,  //
                0, 0, 0, 0, 0, 0, 0,  //
                0, 3, 3, 0, 0, 0, 0,  //
                0, 0, 0, 0, 0, 0, 0,
            ])
        let mixed = Image.grid(
            [cells[0], Image(width: 2, height: 1, channels: 3, bytes: [9, 8, 7, 6, 5, 4])], padding: 0)
        #expect(mixed.channels == 3 && mixed.bytes == [1, 1, 1, 1, 1, 1, 9, 8, 7, 6, 5, 4])
    }
}
