import Configurations
import Problems
import TensorCore

/// Pictures that a video model is trained on beside clips, as clips of one frame: whole batches of them, since all samples of a
/// batch have one shape (Ho et al. 2022, "Video diffusion models", section 4).
final class Stills: Sendable {
    let pictures: Dataset
    /// The share of batches.
    private let ratio: Float

    /// Nil where a data set has none.
    ///
    /// - Throws: as `Dataset`; `invalid` where the pictures' classes are not those of the clips.
    init?(
        _ configuration: DatasetConfiguration, beside clips: OpenedSource, seed: UInt64, loading: LoadingOptions,
        progress: (_ done: Int, _ total: Int) throws -> Void
    ) throws {
        guard case .videoFolder(let folder) = configuration, let stills = folder.stillFolder else { return nil }
        pictures = try Dataset(.imageFolder(stills), seed: seed, loading: loading, progress: progress)
        ratio = Float(folder.imageRatio)
        guard pictures.classes == clips.classes else {
            throw Problem(
                .invalid, "the pictures have the classes \(pictures.classes), but the videos have \(clips.classes)",
                remedy: "Give both the same class folders, or set \"labels\" to \"none\".", path: "$.dataset.images")
        }
    }

    /// The same share of batches, of the pictures in another form.
    init(_ other: Stills, as pictures: Dataset) {
        self.pictures = pictures
        ratio = other.ratio
    }

    /// Whether batch `batch` of the training holds pictures.
    func isDue(batch: Int, seed: UInt64) -> Bool {
        var random = Philox(seed: seed, purpose: .crop, step: batch)
        return random.uniform() < ratio
    }
}

extension Batch {
    /// Pictures (N, H, W, C) as clips (N, 1, H, W, C).
    var asClips: Batch {
        let s = x.shape
        return Batch(x: x.reshaped(to: [s[0], 1, s[1], s[2], s[3]]), condition: condition)
    }
}
