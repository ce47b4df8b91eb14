public import Configurations
public import Problems
internal import Safetensors
public import TensorCore

/// What happens while a data set is encoded.
public enum EncodingEvent: Sendable {
    /// So many of all samples are at hand as latents; mirrored ones count as well, and pictures among clips apart. `computed` of all until
    /// now were not in the cache.
    case encoded(done: Int, total: Int, computed: Int)
    /// A file of the cache is not as it was written; its latents are computed again.
    case damaged(Problem)
}

extension Dataset {
    /// The pictures or clips of this data set as latents: computed once, and found in the cache from then on. Where they are mirrored, the
    /// mirrored ones are encoded as well, since the latents of a mirrored picture are not its latents mirrored.
    ///
    /// - Parameters:
    ///   - shape: of a sample's latents, (h, w, c) or (T, h, w, c).
    ///   - memory: bytes that latents may take; more are read from the cache each time.
    ///   - encode: (N, H, W, C) to (N, h, w, c), or clips frame by frame.
    ///   - report: told after each block; what it throws ends the work and is thrown on. What is encoded by then stays in the cache.
    /// - Throws: what decoding a picture throws, and `io` or `diskFull` of the cache.
    public func encoded(
        as shape: SampleShape, cache: LatentCache, memory: Int, on device: Device, encode: (Tensor) throws -> Tensor,
        report: (EncodingEvent) throws -> Void
    ) throws -> Dataset {
        let size = shape.dimensions
        let blockCount = max(1, LatentCache.blockSize / self.shape.elementCount)
        let sides = mirrors ? [false, true] : [false]
        var (blocks, computed) = ([SafetensorsFile](), 0)
        var latentStills: Stills?
        if let stills, let frame = shape.frame {
            let pictures = try stills.pictures.encoded(
                as: .image(frame.size, channels: frame.channels), cache: cache, memory: memory / 4, on: device,
                encode: encode
            ) { event in
                if case .encoded(_, _, let news) = event { computed = news }
                try report(event)
            }
            latentStills = Stills(stills, as: pictures)
        }
        for mirrored in sides {
            for first in stride(from: 0, to: sampleCount, by: blockCount) {
                let numbers = Array(first..<min(first + blockCount, sampleCount))
                let pixels = try hostBatch(ofSamples: numbers, mirrored: numbers.map { _ in mirrored }).values
                let key = try cache.key(of: pixels, size)
                func find() throws -> SafetensorsFile? {
                    try cache.open(key, count: numbers.count, shape: size)
                }
                var found: SafetensorsFile?
                do { found = try find() } catch let problem as Problem where problem.code == .corrupt {
                    try report(.damaged(problem))
                }
                if found == nil {
                    let x = Tensor(pixels, shape: Shape([numbers.count] + self.shape.dimensions), on: device)
                    let latents = try encode(x)
                    precondition(Array(latents.shape) == [numbers.count] + size, "latents of another shape")
                    let values = latents.array()
                    let length = shape.elementCount
                    try cache.write(
                        numbers.indices.map { Array(values[$0 * length..<($0 + 1) * length]) }, shape: size, as: key)
                    found = try find()
                    computed += numbers.count
                }
                guard let found else {
                    throw Problem(
                        .io, "latents that were just written to the cache are gone",
                        remedy: "Let nothing remove them while they are computed.")
                }
                blocks.append(found)
                let done = (mirrored ? sampleCount : 0) + first + numbers.count
                try report(.encoded(done: done, total: sides.count * sampleCount, computed: computed))
            }
        }
        let source = LatentSource(
            blocks: blocks, perBlock: blockCount, perSide: sampleCount, count: sides.count * sampleCount)
        let cached = try SampleCache(decoding: source, limit: memory, threads: 1) { _, _ in }
        return Dataset(
            self, as: cached ?? source, shape: shape, firstMirrored: mirrors ? sampleCount : nil,
            stills: latentStills)
    }
}

/// Latents as they lie in the cache's files: those of all samples, then perhaps those of all mirrored ones.
private struct LatentSource: SampleSource {
    let blocks: [SafetensorsFile]
    let perBlock: Int
    let perSide: Int
    let count: Int

    var isInMemory: Bool { false }

    func sample(_ index: Int, warn: (String) -> Void) throws -> Sample {
        let (side, number) = index.quotientAndRemainder(dividingBy: perSide)
        let blocksPerSide = (perSide + perBlock - 1) / perBlock
        let block = blocks[side * blocksPerSide + number / perBlock]
        return .values(try block.floats(LatentCache.name(number % perBlock)))
    }
}
