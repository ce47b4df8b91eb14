public import DurableFiles
internal import Problems
internal import Safetensors
public import TensorCore

/// A file of textual inversion (Gal et al. 2023, "An image is worth one word"): vectors that stand for a word of their own.
///
/// | written by | tensors |
/// | --- | --- |
/// | diffusers | the word itself, (n, D) or (D) |
/// | A1111's web UI, kohya | `emb_params`, (n, D); the word is the file's name |
/// | for Stable Diffusion XL | `clip_l` and `clip_g`, (n, D) each; the word is the file's name |
public struct EmbeddingFile {
    let path: String
    /// What stands for the vectors in a prompt.
    let word: String
    private let file: SafetensorsFile
    /// The tensor's name, for all text encoders or for one of two.
    private let names: [String]

    private static let perEncoder = ["clip_l", "clip_g"]
    /// More vectors than this leave nothing of a sequence.
    private static let largest = 75

    init(_ path: String) throws {
        self.path = path
        let file = try SafetensorsFile(path)
        self.file = file
        let found = file.names
        let stem = Path.name(path).split(separator: ".").dropLast().joined(separator: ".")
        if Set(found) == Set(Self.perEncoder) {
            (word, names) = (stem, Self.perEncoder)
        } else if found == ["emb_params"] {
            (word, names) = (stem, found)
        } else if found.count == 1 {
            (word, names) = (found[0], found)
        } else {
            throw Problem(
                .unsupported,
                "\(path) is no file of textual inversion: it holds \(found.prefix(6).joined(separator: ", "))",
                remedy: "Give a file of one tensor, or of clip_l and clip_g.", file: path)
        }
    }

    /// What such a file is called in a directory that a training makes.
    static let trainedName = "learned_embeds.safetensors"

    /// Writes the vectors of a word as diffusers does for one encoder, and as other programs expect them for two.
    ///
    /// - Parameters:
    ///   - vectors: (n, D) of each encoder.
    ///   - directory: exists and is not yet seen.
    public static func write(
        _ word: String, _ vectors: [Tensor], to directory: String, in files: any FileSystem
    ) throws {
        let names = vectors.count == 1 ? [word] : perEncoder
        // Where the word is the file's name it must be that.
        let name = vectors.count == 1 ? trainedName : "\(word).safetensors"
        var writer = try SafetensorsWriter(
            Path.join(directory, name), zip(names, vectors).map { .init($0, Array($1.shape)) }, in: files,
            durability: .deferred)
        for (name, vectors) in zip(names, vectors) { try vectors.withSpan { try writer.write(name, $0) } }
        try writer.commit()
    }

    /// The vectors for one of a pipeline's text encoders.
    ///
    /// - Parameters:
    ///   - encoder: its number among `count`.
    ///   - width: of its tokens.
    /// - Throws: `invalid` where they have another width.
    func vectors(forEncoder encoder: Int, of count: Int, width: Int) throws -> (count: Int, values: [Float]) {
        let name = names.count > 1 ? names[min(encoder + names.count - count, names.count - 1)] : names[0]
        let info = try file.info(name)
        guard let last = info.shape.last, last == width, info.shape.count <= 2 else {
            throw Problem(
                .invalid,
                "the embedding \(name) has the shape \(info.shape), but the text encoder has tokens of \(width)",
                remedy: "Use an embedding that was made for this model.", file: path)
        }
        let number = info.shape.count == 2 ? info.shape[0] : 1
        guard (1...Self.largest).contains(number) else {
            throw Problem(
                .invalid, "the embedding \(name) has \(number) vectors", remedy: "Use one of 1 to \(Self.largest).",
                file: path)
        }
        return (number, try file.floats(name))
    }
}
