import Media
import Testing

struct ImageEditingTests {
    private func ramp(_ width: Int, _ height: Int) -> Image {
        Image(
            width: width, height: height, channels: 1,
            bytes: (0..<width * height).map { UInt8(($0 % width) * 255 / max(width - 1, 1)) })
    }

    @Test func alphaIsTakenOffAndPutOn() throws {
        let image = Image(width: 2, height: 1, channels: 4, bytes: [10, 20, 30, 40, 50, 60, 70, 80])
        let alpha = try #require(image.alpha)
        #expect(alpha.bytes == [40, 80] && alpha.channels == 1)
        let opaque = Image(width: 2, height: 1, channels: 3, bytes: [10, 20, 30, 50, 60, 70])
        #expect(opaque.alpha == nil && opaque.withAlpha(alpha) == image)
        let grey = Image(width: 2, height: 1, channels: 1, bytes: [1, 2])
        #expect(grey.withAlpha(alpha).bytes == [1, 40, 2, 80])
    }

    @Test func marginsRepeatTheEdgeAndAreWhiteInTheirMask() {
        let image = Image(width: 2, height: 2, channels: 1, bytes: [1, 2, 3, 4])
        let margins = Margins(top: 1, right: 2, bottom: 0, left: 1)
        #expect(
            image.extended(by: margins)
                == Image(width: 5, height: 3, channels: 1, bytes: [1, 1, 2, 2, 2, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4]))
        let mask = Image.mask(ofMargins: margins, width: 2, height: 2, around: nil)
        #expect(mask.bytes == [255, 255, 255, 255, 255, 255, 0, 0, 255, 255, 255, 0, 0, 255, 255])
        let inner = Image(width: 2, height: 2, channels: 1, bytes: [0, 9, 0, 255])
        #expect(Image.mask(ofMargins: margins, width: 2, height: 2, around: inner).bytes[11...12] == [0, 255])
    }

    /// A single white pixel becomes a normal distribution of that deviation.
    @Test func blurIsANormalDistribution() {
        var bytes = [UInt8](repeating: 0, count: 41 * 41)
        bytes[20 * 41 + 20] = 255
        let samples = bytes.map { UInt16($0) * 257 }
        let image = Image(width: 41, height: 41, channels: 1, depth: .sixteen, samples: samples)
        let blurred = image.blurred(deviation: 3)
        let total = blurred.samples.reduce(0.0) { $0 + Double($1) }
        #expect(abs(total / 65535 - 1) < 0.02)
        let variance = blurred.samples.enumerated().reduce(0.0) { sum, pixel in
            let x = Double(pixel.offset % 41 - 20)
            return sum + x * x * Double(pixel.element) / total
        }
        // Cut off at three deviations, and rounded.
        #expect(abs(variance.squareRoot() / 3 - 1) < 0.03)
        #expect(image.blurred(deviation: 0) == image && image.blurred(deviation: 1e-165) == image)
        let flat = Image(width: 5, height: 4, channels: 3, bytes: [UInt8](repeating: 77, count: 60))
        #expect(flat.blurred(deviation: 2) == flat)
    }

    /// The middle of the picture in the wanted proportions.
    @Test func fittingCutsTheSidesOff() {
        let wide = ramp(12, 4).centreFitted(width: 4, height: 4)
        let middle = ramp(12, 4)
        #expect(wide.width == 4 && wide.height == 4)
        #expect(wide.bytes.prefix(4) == middle.bytes[4..<8])
        let high = ramp(4, 12).centreFitted(width: 4, height: 6)
        #expect(high.width == 4 && high.height == 6 && high.bytes.prefix(4) == ramp(4, 1).bytes.prefix(4))
        #expect(ramp(4, 6).centreFitted(width: 4, height: 6) == ramp(4, 6))
        #expect(ramp(9, 30).centreFitted(width: 3, height: 2).height == 2)
    }

    @Test func labelledGridsHoldTheirImages() throws {
        func isRed(_ pixel: ArraySlice<UInt16>) -> Bool { Array(pixel) == [255, 0, 0] }
        for rows in [nil, (name: "sampler.name", values: ["ddim", "a long name that needs room"])] {
            // Images smaller than their labels, too.
            for (width, height) in [(20, 10), (100, 40), (1, 1)] {
                let bytes = [[UInt8]](repeating: [255, 0, 0], count: width * height).flatMap(\.self)
                let red = Image(width: width, height: height, channels: 3, bytes: bytes)
                let count = 3 * (rows?.values.count ?? 1)
                let grid = try Image.grid(
                    [Image](repeating: red, count: count), columns: (name: "steps", values: ["5", "10", "20"]),
                    rows: rows)
                let found = (0..<grid.height).reduce(0) { sum, y in
                    sum + (0..<grid.width).count { x in isRed(grid[x, y]) }
                }
                #expect(found == count * width * height)
                // Something is written above the images.
                #expect((0..<20).contains { y in (0..<grid.width).contains { x in grid[x, y].contains { $0 < 128 } } })
            }
        }
    }
}
