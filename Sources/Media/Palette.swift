/// At most 256 colours for a picture, and which pixel has which.
struct Palette {
    /// RGB triples, one per colour; as many colours as a power of two, at least 2.
    private(set) var colours: [UInt8]
    /// (H, W): the colour of each pixel.
    private(set) var indices: [UInt8]

    /// The palette of an image. Greys, and pictures of no more than 256 colours, are kept exactly; others are reduced by median
    /// cut (Heckbert 1982), each colour becoming the mean of its box.
    init(_ image: Image) {
        if image.channels <= 2 {
            colours = (0...255).flatMap { [UInt8($0), UInt8($0), UInt8($0)] }
            indices = image.flattened.bytes
            return
        }
        let bytes = image.flattened.bytes
        let pixels = stride(from: 0, to: bytes.count, by: 3).map { RGB(bytes[$0], bytes[$0 + 1], bytes[$0 + 2]) }
        var counts: [RGB: Int] = [:]
        for pixel in pixels { counts[pixel, default: 0] += 1 }
        var histogram = counts.sorted { $0.key.code < $1.key.code }.map { Entry(colour: $0.key, count: $0.value) }

        let boxes = MedianCut.boxes(of: &histogram, atMost: 256)
        var chosen: [RGB: UInt8] = [:]
        var flat: [UInt8] = []
        for (index, box) in boxes.enumerated() {
            for entry in histogram[box] { chosen[entry.colour] = UInt8(index) }
            flat += MedianCut.mean(histogram[box])
        }
        var size = 2
        while size < boxes.count { size *= 2 }
        colours = flat + [UInt8](repeating: 0, count: 3 * size - flat.count)
        indices = pixels.map { chosen[$0, default: 0] }
    }

    /// A colour, packed.
    struct RGB: Hashable {
        let code: UInt32

        init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
            code = UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue)
        }

        func component(_ axis: Int) -> Int { Int(code >> (16 - 8 * axis) & 0xFF) }
    }

    /// A colour that occurs, and how often.
    struct Entry {
        var colour: RGB
        var count: Int
    }
}

/// Heckbert's median cut: the box of colours that spreads most, weighted by its pixels, is halved until there are enough.
private enum MedianCut {
    /// Ranges of `histogram`, which is reordered so that each is one box.
    static func boxes(of histogram: inout [Palette.Entry], atMost limit: Int) -> [Range<Int>] {
        if histogram.count <= limit { return histogram.indices.map { $0..<$0 + 1 } }
        var boxes = [Box(histogram[...])]
        while boxes.count < limit {
            guard let widest = boxes.indices.max(by: { boxes[$0].weight < boxes[$1].weight }), boxes[widest].weight > 0
            else { break }
            let (range, axis) = (boxes[widest].range, boxes[widest].axis)
            histogram[range].sort {
                ($0.colour.component(axis), $0.colour.code) < ($1.colour.component(axis), $1.colour.code)
            }
            let half = histogram[range].reduce(0) { $0 + $1.count } / 2
            var seen = 0
            var cut = range.lowerBound
            repeat {
                seen += histogram[cut].count
                cut += 1
            } while seen < half && cut < range.upperBound - 1
            boxes[widest] = Box(histogram[range.lowerBound..<cut])
            boxes.append(Box(histogram[cut..<range.upperBound]))
        }
        return boxes.map(\.range)
    }

    static func mean(_ entries: ArraySlice<Palette.Entry>) -> [UInt8] {
        let total = entries.reduce(0) { $0 + $1.count }
        return (0..<3).map { axis in
            UInt8((entries.reduce(0) { $0 + $1.colour.component(axis) * $1.count } + total / 2) / total)
        }
    }

    private struct Box {
        var range: Range<Int>
        /// The component in which the colours spread most.
        var axis = 0
        /// That spread times the pixels; 0 when there is nothing to cut.
        var weight = 0

        init(_ entries: ArraySlice<Palette.Entry>) {
            range = entries.indices
            let count = entries.reduce(0) { $0 + $1.count }
            for axis in 0..<3 {
                var (low, high) = (255, 0)
                for entry in entries {
                    low = min(low, entry.colour.component(axis))
                    high = max(high, entry.colour.component(axis))
                }
                if (high - low) * count > weight {
                    weight = (high - low) * count
                    self.axis = axis
                }
            }
        }
    }
}
