import Configurations
import Media
import Problems

/// The pictures below a directory, in the order of their names' bytes.
struct ImageFolder: FileSource {
    let root: String
    let names: [String]
    let resolution: Int
    let channels: Int
    /// Whether the centre is cut out; otherwise proportions are changed.
    let centreCrop: Bool
    let limits: ImageLimits

    func sample(_ index: Int, warn: (String) -> Void) throws -> Sample {
        let image = try ImageFile.read("\(root)/\(names[index])", limits: limits, warn: warn)
        return Sample(image.brought(to: resolution, channels: channels, centreCrop: centreCrop))
    }

    /// The same without some of its pictures.
    func keeping(_ places: [Int]) -> ImageFolder {
        ImageFolder(
            root: root, names: places.map { names[$0] }, resolution: resolution, channels: channels,
            centreCrop: centreCrop, limits: limits)
    }
}

extension OpenedSource {
    init(
        _ configuration: ImageFolderConfiguration, loading: LoadingOptions,
        progress: (_ done: Int, _ total: Int) throws -> Void
    ) throws {
        let root = configuration.path
        let shape = try configuration.images.shape()
        guard case .image(let size, let channels) = shape else { preconditionFailure("a folder holds images") }
        let listing = try FolderListing(root, permit: loading.permit)
        let (images, others) = try FolderPictures.told(listing.files, below: root)
        var problems = listing.problems
        let metadata =
            listing.files.contains(ImageMetadata.fileName)
            ? try ImageMetadata("\(root)/\(ImageMetadata.fileName)") : nil
        if let metadata { problems += metadata.unknown(present: Set(images), "image") }
        let labels = try FolderLabels(configuration.labels, images: images, metadata: metadata, listing)
        let captions =
            loading.readsCaptions
            ? try FolderCaptions.find(configuration.captions, images: images, metadata: metadata, listing) : nil
        let folder = ImageFolder(
            root: root, names: images, resolution: size.width, channels: channels,
            centreCrop: configuration.centerCrop, limits: loading.limits)
        let survey = try FileSurvey(
            folder, known: problems, policy: configuration.unreadable,
            limit: configuration.cache.limit(loading.memory), threads: loading.threads, progress: progress)
        self.init(
            source: survey.kept ?? folder.keeping(survey.readable), shape: shape, classes: labels.classes,
            labels: labels.labels.map { labels in survey.readable.map { labels[$0] } },
            captions: captions.map { captions in survey.readable.map { captions[$0] } })
        unreadable = survey.unreadable
        // Text files that were read as captions are not left out.
        let rest = captions == nil ? others : others.filter { !$0.hasSuffix(FolderCaptions.sidecarEnding) }
        note(rest, "is not a picture and is left out", "are no pictures and are left out")
        note(listing, labels)
        notes += survey.notes
    }

    /// Says in one sentence what happened to files, naming the first few.
    mutating func note(_ files: [String], _ one: String, _ many: String) {
        guard !files.isEmpty else { return }
        let named = files.prefix(5).joined(separator: ", ") + (files.count > 5 ? " and \(files.count - 5) more" : "")
        notes.append("\(named) \(files.count == 1 ? one : many).")
    }

    /// Links that were not followed, and classes without samples.
    mutating func note(_ listing: FolderListing, _ labels: FolderLabels) {
        note(
            listing.loops, "is a link to a directory that it lies in, and is not followed",
            "are links to directories that they lie in, and are not followed")
        note(
            labels.empty.map { "\($0) (class \(labels.classes.firstIndex(of: $0) ?? 0))" },
            "holds no samples; the class keeps its number", "hold no samples; the classes keep their numbers")
    }
}

extension ImageFolderConfiguration.Cache {
    /// Bytes of decoded samples that are kept; `usual`: those of a cache that may be left out.
    func limit(_ usual: Int) -> Int {
        switch self {
        case .auto: usual
        case .memory: .max
        case .stream: 0
        }
    }
}
