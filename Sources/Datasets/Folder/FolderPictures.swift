import Media
import Problems

/// The pictures below a directory, as they are: for measuring them.
public struct FolderPictures: Sendable {
    /// Their paths, in the order of the bytes of their names.
    public let paths: [String]

    /// - Parameter permit: throws where a link leads to what may not be read; nil: links stay below the directory.
    /// - Throws: a `Problem` that names the directory: `missing`, `denied` or `io`; `invalid` where it holds no
    ///   pictures; `Problems` where there are links that cannot be followed.
    public init(_ root: String, permit: FolderListing.Permit? = nil) throws {
        let listing = try FolderListing(root, permit: permit)
        guard listing.problems.isEmpty else { throw Problems(listing.problems) }
        paths = try Self.told(listing.files, below: root).images.map { "\(root)/\($0)" }
    }

    /// Whether `root/name` is an image file: one with an image's extension must be one; others are identified by what
    /// they hold.
    public static func isPicture(_ name: String, below root: String) throws -> Bool {
        try ImageFile.Format(name: name) != nil
            || ImageFile.Format(beginning: FileBytes.beginning("\(root)/\(name)", count: 12))?.isRead == true
    }

    /// Which files are pictures, by their names relative to `root`.
    static func told(_ files: [String], below root: String) throws -> (images: [String], others: [String]) {
        var (images, others): ([String], [String]) = ([], [])
        for file in files where file != ImageMetadata.fileName {
            if try isPicture(file, below: root) { images.append(file) } else { others.append(file) }
        }
        guard !images.isEmpty else {
            throw Problem(
                .invalid, "the directory holds no images",
                remedy: "Put PNG, JPEG, WebP, GIF or TIFF files there, or name another one.",
                file: root)
        }
        return (images, others)
    }
}
