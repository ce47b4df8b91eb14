import Media

/// One sample as it is kept: in as few bytes as hold it exactly.
enum Sample: Sendable, Hashable {
    /// An 8-bit image (H, W, C).
    case bytes([UInt8])
    /// A 16-bit image (H, W, C).
    case words([UInt16])
    /// Numbers that are what the model sees.
    case values([Float])

    init(_ image: Image) {
        switch image.depth {
        case .eight: self = .bytes(image.bytes)
        case .sixteen: self = .words(image.samples)
        }
    }

    var memory: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .words(let words): 2 * words.count
        case .values(let values): 4 * values.count
        }
    }

    /// Writes the sample as the model sees it, images in [-1, 1], from `offset` of `target` on.
    ///
    /// - Parameter mirroredRow: for an image with left and right exchanged, the width and the channels of its rows.
    func write(to target: inout MutableSpan<Float>, at offset: Int, mirroredRow: (width: Int, channels: Int)? = nil) {
        switch self {
        case .bytes(let bytes): Self.write(bytes, &target, offset, mirroredRow) { Float($0) / 255 * 2 - 1 }
        case .words(let words): Self.write(words, &target, offset, mirroredRow) { Float($0) / 65535 * 2 - 1 }
        case .values(let values): Self.write(values, &target, offset, mirroredRow) { $0 }
        }
    }

    @inline(__always)
    private static func write<Element>(
        _ elements: [Element], _ target: inout MutableSpan<Float>, _ offset: Int, _ row: (width: Int, channels: Int)?,
        _ convert: (Element) -> Float
    ) {
        guard let row else {
            for index in elements.indices { target[offset + index] = convert(elements[index]) }
            return
        }
        var index = offset
        for start in stride(from: 0, to: elements.count, by: row.width * row.channels) {
            for pixel in (0..<row.width).reversed() {
                for channel in 0..<row.channels {
                    target[index] = convert(elements[start + pixel * row.channels + channel])
                    index += 1
                }
            }
        }
    }
}

/// Where samples come from. A source is a value whose samples never change: sample `i` is the same whenever it is asked for.
protocol SampleSource: Sendable {
    var count: Int { get }
    /// Whether a sample is at hand without decoding or computing.
    var isInMemory: Bool { get }
    /// Sample `index` of `0..<count`.
    ///
    /// - Parameter warn: told what is odd about its file, though it is whole, as a sentence without its subject.
    func sample(_ index: Int, warn: (String) -> Void) throws -> Sample
}

extension SampleSource {
    func sample(_ index: Int) throws -> Sample { try sample(index) { _ in } }
}
