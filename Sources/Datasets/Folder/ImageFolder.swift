import Configurations
import Media
import Problems

/// The PNG and JPEG files below a directory, in the order of their names' bytes.
struct ImageFolder: SampleSource {
    let root: String
    /// Relative to `root`.
    let images: [String]
    let resolution: Int
    let channels: Int
    /// Whether the centre is cut out; otherwise proportions are changed.
    let centreCrop: Bool
    let limits: ImageLimits

    var count: Int { images.count }
    var isInMemory: Bool { false }

    func sample(_ index: Int) throws -> Sample {
        let image = try ImageFile.read("\(root)/\(images[index])", limits: limits)
        return Sample(image.brought(to: resolution, channels: channels, centreCrop: centreCrop))
    }
}

extension OpenedSource {
    init(_ configuration: ImageFolderConfiguration, limits: ImageLimits) throws {
        let root = configuration.path
        let shape = try configuration.images.shape()
        guard case .image(let size, let channels) = shape else { preconditionFailure("a folder holds images") }
        let listing = try FolderListing(root)
        let (images, others) = try FolderPictures.told(listing.files, below: root)
        let metadata =
            listing.files.contains(ImageMetadata.fileName)
            ? try ImageMetadata("\(root)/\(ImageMetadata.fileName)") : nil
        if let metadata {
            try metadata.refuseUnknown(present: Set(images), "image")
        }
        let labels = try FolderLabels(configuration.labels, images: images, metadata: metadata, root: root)
        self.init(
            source: ImageFolder(
                root: root, images: images, resolution: size.width, channels: channels,
                centreCrop: configuration.centerCrop, limits: limits),
            shape: shape, classes: labels.classes, labels: labels.labels)
        note(others, "is not a PNG or a JPEG and is left out", "are no PNGs or JPEGs and are left out")
        note(
            listing.linkedDirectories, "is a link to a directory and is not followed",
            "are links to directories and are not followed")
    }

    /// Says in one sentence what happened to files, naming the first few.
    mutating func note(_ files: [String], _ one: String, _ many: String) {
        guard !files.isEmpty else { return }
        let named = files.prefix(5).joined(separator: ", ") + (files.count > 5 ? " and \(files.count - 5) more" : "")
        notes.append("\(named) \(files.count == 1 ? one : many).")
    }
}
