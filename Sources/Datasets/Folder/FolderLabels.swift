import Configurations
import Problems

/// The classes of the samples of a folder.
struct FolderLabels {
    var classes: [String] = []
    /// One for each sample; nil when there are no classes.
    var labels: [Int]?
    /// Classes that no sample has.
    var empty: [String] = []

    /// Finds the classes of `images` (paths relative to the listed directory) where `source` says.
    init(
        _ source: ImageFolderConfiguration.Labels, images: [String], metadata: ImageMetadata?, _ listing: FolderListing
    ) throws {
        switch source {
        case .none: break
        case .metadata:
            guard let metadata else {
                throw Problem(
                    .missing, "there is no \(ImageMetadata.fileName) to take labels from",
                    remedy: "Add it, or choose other \"labels\".", file: listing.root)
            }
            try take(metadata, images)
        case .folders: try takeFolders(images, listing)
        case .auto:
            if let metadata, metadata.hasLabels {
                try take(metadata, images)
            } else if images.allSatisfy({ Self.folder($0) != nil }) {
                try takeFolders(images, listing)
            }
        }
    }

    private mutating func take(_ metadata: ImageMetadata, _ images: [String]) throws {
        let (names, byFile) = try metadata.classes()
        try Self.refuse(images.filter { byFile[$0] == nil }) {
            Problem(
                .invalid, "\"\($0)\" is not described", remedy: "Add a line for it, or remove the image.",
                file: metadata.path)
        }
        classes = names
        labels = images.compactMap { byFile[$0] }
    }

    /// All folders are classes, numbered in the order of their names as torchvision's ImageFolder does it, those
    /// without samples too: a number must not depend on what else is there.
    private mutating func takeFolders(_ images: [String], _ listing: FolderListing) throws {
        try Self.refuse(images.filter { Self.folder($0) == nil }) {
            Problem(
                .invalid, "the image lies in no class folder", remedy: "Move it into one, or choose other \"labels\".",
                file: "\(listing.root)/\($0)")
        }
        classes = listing.folders
        let used = Set(images.compactMap(Self.folder))
        empty = classes.filter { !used.contains($0) }
        let numbers = Dictionary(uniqueKeysWithValues: zip(classes, classes.indices))
        labels = images.compactMap { Self.folder($0).flatMap { numbers[$0] } }
    }

    /// The first folder on the way to a file.
    private static func folder(_ path: String) -> String? {
        let parts = path.split(separator: "/", maxSplits: 1)
        return parts.count == 2 ? String(parts[0]) : nil
    }

    /// Throws the problems of `files`, if there are any.
    static func refuse(_ files: [String], _ problem: (String) -> Problem) throws {
        if !files.isEmpty { throw Problems(files.prefix(FileSurvey.named).map(problem)) }
    }
}
