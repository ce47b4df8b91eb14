import Media
import Problems

/// The PNG and JPEG files below a directory, as they are: for measuring them.
public struct FolderPictures: Sendable {
    /// Their paths, in the order of the bytes of their names.
    public let paths: [String]

    /// - Throws: a `Problem` that names the directory: `missing`, `denied` or `io`; `invalid` where it holds no pictures.
    public init(_ root: String) throws {
        paths = try Self.told(FolderListing(root).files, below: root).images.map { "\(root)/\($0)" }
    }

    /// Which files are pictures, by their names relative to `root`.
    static func told(_ files: [String], below root: String) throws -> (images: [String], others: [String]) {
        var (images, others): ([String], [String]) = ([], [])
        for file in files where file != ImageMetadata.fileName {
            // Any file that is called a picture must be one; others are told by what they hold.
            let isPicture =
                try ImageFile.Format(name: file) != nil
                || [.png, .jpeg].contains(
                    ImageFile.Format(beginning: FileBytes.beginning("\(root)/\(file)", count: 12)))
            if isPicture { images.append(file) } else { others.append(file) }
        }
        guard !images.isEmpty else {
            throw Problem(
                .invalid, "the directory holds no images", remedy: "Put PNG or JPEG files there, or name another one.",
                file: root)
        }
        return (images, others)
    }
}
