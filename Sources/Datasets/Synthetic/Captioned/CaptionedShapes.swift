import Configurations
public import Media
public import Problems
import TensorCore

/// Pictures of one to three shapes with a caption that names their colours, sizes and places; picture i is a function
/// of (seed, i), and has one caption, of those that `ShapeCaption` does not hold out.
public struct CaptionedShapes: Sendable {
    public let resolution: Int
    public let seed: UInt64

    /// - Throws: `invalid` for a resolution at which the shapes cannot be told apart.
    public init(resolution: Int = 32, seed: UInt64) throws(Problem) {
        let leastResolution = SyntheticDatasetConfiguration.leastCaptionedResolution
        guard resolution >= leastResolution else {
            throw Problem(
                .invalid, "captioned_shapes at \(resolution) x \(resolution) pixels cannot be told apart",
                remedy: "Use at least \(leastResolution).", path: "$.dataset.resolution")
        }
        (self.resolution, self.seed) = (resolution, seed)
    }

    /// What picture `index` shows.
    public func caption(_ index: Int) -> ShapeCaption {
        var random = random(index)
        return .seen(&random)
    }

    /// Picture `index` (R, R, 3), 8 bits.
    public func image(_ index: Int) -> Image {
        var random = random(index)
        let caption = ShapeCaption.seen(&random)
        return ShapeScene(caption, resolution: resolution, &random).image()
    }

    /// A picture of any caption, for what the set itself does not show; `index` tells several apart.
    public func image(of caption: ShapeCaption, _ index: Int) -> Image {
        // The set's own pictures have step 0, captions that are drawn without a picture 1.
        var random = Philox(seed: seed, purpose: .dataset, step: 2, sample: index)
        return ShapeScene(caption, resolution: resolution, &random).image()
    }

    private func random(_ index: Int) -> Philox { Philox(seed: seed, purpose: .dataset, sample: index) }
}

/// The pictures of `captioned_shapes` as samples.
struct CaptionedShapeImages: SampleSource {
    let shapes: CaptionedShapes
    let count: Int

    var isInMemory: Bool { false }

    func sample(_ index: Int, warn: (String) -> Void) -> Sample { Sample(shapes.image(index)) }

    /// The caption of each sample, equal ones in one place of memory.
    func captions() -> [[String]] {
        var known: [ShapeCaption: [String]] = [:]
        return (0..<count).map { index in
            let caption = shapes.caption(index)
            let texts = known[caption] ?? [caption.description]
            known[caption] = texts
            return texts
        }
    }
}
