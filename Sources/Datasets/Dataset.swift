public import Configurations
public import Media
import Problems
public import TensorCore

/// What decoding may cost.
public struct LoadingOptions: Sendable {
    /// Bytes that decoded samples may take; image folders that need more are decoded anew each time.
    public var memory: Int
    /// Threads that decode at the start. They change no result.
    public var threads: Int
    /// What one picture may cost.
    public var limits: ImageLimits
    /// Judges links that lead out of a data set's directory; nil: they are refused.
    public var permit: FolderListing.Permit?
    /// Whether the samples' captions are wanted.
    public var readsCaptions = false

    public init(
        memory: Int = 2 << 30, threads: Int = 1, limits: ImageLimits = ImageLimits(),
        permit: FolderListing.Permit? = nil
    ) {
        precondition(threads > 0, "somebody has to decode")
        self.memory = memory
        self.threads = threads
        self.limits = limits
        self.permit = permit
    }
}

/// What a model trains on: samples of one shape, with or without a class each. Sample i is always the same.
public struct Dataset: Sendable {
    /// (T, H, W, C), (H, W, C) or (D).
    public let shape: SampleShape
    /// The names of the classes, by number; empty when the samples have none.
    public let classes: [String]
    /// How the points were brought to mean 0 and deviation 1; nil for images.
    public let standardization: Standardization?
    /// What a person should know: files that were left out, for example. Sentences.
    public let notes: [String]
    /// Files that were left out since they cannot be read.
    public let unreadable: [String]
    /// Whether images are mirrored with probability 1/2 in training.
    let mirrors: Bool
    let training: [Int]
    let validation: [Int]
    private let source: any SampleSource
    private let labels: [Int]?
    let sampleCaptions: SampleCaptions?
    /// Where mirrored samples begin in the source; nil: they are mirrored when they are asked for.
    private let firstMirrored: Int?
    /// Pictures that are trained on beside the clips.
    let stills: Stills?

    /// All captions of the samples, each once: what a batch numbers. Nil where they have none, or none were wanted.
    public var captions: [String]? { sampleCaptions?.texts }

    public var trainingCount: Int { training.count }
    public var validationCount: Int { validation.count }
    /// Whether all samples are held decoded; otherwise a thread decodes the next batches.
    public var isInMemory: Bool { source.isInMemory }

    /// Opens a data set and, where they fit, decodes its samples.
    ///
    /// - Parameters:
    ///   - configuration: with paths as this process can open them. Resolution and channels may be left out where the files say
    ///     them.
    ///   - seed: decides what is held out for validation.
    ///   - progress: told how many samples of how many are decoded; what it throws ends the work and is thrown on.
    /// - Throws: a `Problem`, or `Problems` where several files are at fault (all are listed): `missing`, `denied`, `io`
    ///   for what cannot be opened; `corrupt`, `unsupported` for what cannot be decoded; `invalid` for settings that
    ///   don't fit the files.
    public init(
        _ configuration: DatasetConfiguration, seed: UInt64, loading: LoadingOptions = LoadingOptions(),
        progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
    ) throws {
        let opened: OpenedSource
        var mayCache = true
        switch configuration {
        case .synthetic(let synthetic):
            try Self.checkIndex(of: synthetic, loading)
            opened = try OpenedSource(synthetic, readsCaptions: loading.readsCaptions)
            // Drawn again in less time than a step takes, while the one before is computed.
            mayCache = false
        case .imageFolder(let folder):
            opened = try OpenedSource(folder, loading: loading, progress: progress)
            mayCache = false
        case .videoFolder(let folder):
            opened = try OpenedSource(folder, loading: loading, progress: progress)
            // Whole videos are kept, not clips, which may overlap.
            mayCache = false
        case .idx(let idx):
            opened = try OpenedSource(idx, memory: loading.memory)
        case .cifar10(let cifar):
            opened = try OpenedSource(cifar)
        }
        let total = opened.source.count
        let held = configuration.validationSplit.count(of: total)
        guard held < total else {
            throw Problem(
                .invalid, "validation_split keeps \(held) of \(total) samples, which leaves none to train on",
                remedy: "Keep fewer, or add samples.", path: "$.dataset.validation_split")
        }
        (training, validation) = HeldOut.split(count: total, held: held, seed: seed)
        shape = opened.shape
        classes = opened.classes
        labels = opened.labels
        sampleCaptions = opened.captions.map { SampleCaptions($0) }
        firstMirrored = nil
        standardization = opened.standardization
        notes = opened.notes
        unreadable = opened.unreadable
        mirrors = configuration.images?.horizontalFlip ?? false
        stills = try Stills(configuration, beside: opened, seed: seed, loading: loading, progress: progress)
        if mayCache, !opened.source.isInMemory {
            source =
                try SampleCache(
                    decoding: opened.source, limit: loading.memory, threads: loading.threads, progress: progress)
                ?? opened.source
        } else {
            source = opened.source
        }
    }

    /// Refuses a set whose index alone takes too much, before it is made.
    private static func checkIndex(of synthetic: SyntheticDatasetConfiguration, _ loading: LoadingOptions) throws {
        let count = synthetic.count
        let hasCaptions = synthetic.name == .captionedShapes && loading.readsCaptions
        // At most: place, place in the order of an epoch, class, and a point's coordinates as they are and
        // standardized. Captions: text and tables, some 400 bytes for each different one, half as many as samples.
        let bytesPerSample = hasCaptions ? 240 : 40
        guard count > loading.limits.memory / bytesPerSample else { return }
        throw Problem(
            .invalid,
            "an index of \(count) samples takes \((count * bytesPerSample) >> 20) MiB of memory, where "
                + "\(loading.limits.memory >> 20) MiB are allowed",
            remedy: "Lower count, or allow the job more memory.", path: "$.dataset.count")
    }

    /// The samples of another data set in another form, under the same numbers.
    ///
    /// - Parameters:
    ///   - firstMirrored: where mirrored samples begin in `source`.
    ///   - stills: the pictures among the clips, in that form too.
    init(_ other: Dataset, as source: any SampleSource, shape: SampleShape, firstMirrored: Int?, stills: Stills?) {
        self.source = source
        self.shape = shape
        self.firstMirrored = firstMirrored
        (training, validation) = (other.training, other.validation)
        (classes, labels, mirrors) = (other.classes, other.labels, other.mirrors)
        sampleCaptions = other.sampleCaptions
        (standardization, notes, unreadable) = (other.standardization, other.notes, other.unreadable)
        self.stills = stills
    }

    /// Samples in all.
    var sampleCount: Int { training.count + validation.count }

    /// The batches of a training with this seed.
    ///
    /// - Parameters:
    ///   - size: samples in a batch.
    ///   - perStep: batches in an optimizer step (gradient accumulation).
    public func trainingBatches(seed: UInt64, size: Int, perStep: Int = 1, on device: Device) -> TrainingBatches {
        TrainingBatches(self, seed: seed, size: size, perStep: perStep, on: device)
    }

    /// How many batches of `size` the samples held out for validation make; the last may be smaller.
    public func validationBatchCount(size: Int) -> Int { (validationCount + size - 1) / size }

    /// Batch `number` of `0..<validationBatchCount(size:)`, always the same samples, never mirrored.
    public func validationBatch(_ number: Int, size: Int, on device: Device) throws -> Batch {
        let places = number * size..<min((number + 1) * size, validationCount)
        return try hostBatch(of: validation, Array(places)).batch(shape: shape.dimensions, on: device)
    }

    /// `count` samples (fewer when there are fewer) for showing what becomes of them: of those held out, where there are any.
    public func shownSamples(_ count: Int) throws -> [[Float]] {
        guard validationCount > 0 else { return try trainingSamples(count) }
        return try (0..<min(count, validationCount)).map { try hostBatch(of: validation, [$0]).values }
    }

    /// The first `count` training samples (fewer when there are fewer), as the model sees them: for showing beside generated ones.
    public func trainingSamples(_ count: Int) throws -> [[Float]] {
        try (0..<min(count, trainingCount)).map { try hostBatch(of: training, [$0]).values }
    }

    /// The samples at `places` of `part`.
    func hostBatch(of part: [Int], _ places: [Int], mirrored: [Bool] = []) throws -> HostBatch {
        try hostBatch(ofSamples: places.map { part[$0] }, mirrored: mirrored)
    }

    /// The samples of these numbers.
    func hostBatch(ofSamples numbers: [Int], mirrored: [Bool]) throws -> HostBatch {
        let length = shape.elementCount
        var values = [Float](repeating: 0, count: numbers.count * length)
        var span = values.mutableSpan
        for (row, number) in numbers.enumerated() {
            var place = number
            var mirroredRow: (width: Int, channels: Int)?
            if !mirrored.isEmpty, mirrored[row] {
                if let firstMirrored {
                    place += firstMirrored
                } else if let (size, channels) = shape.frame {
                    mirroredRow = (size.width, channels)
                }
            }
            try source.sample(place).write(to: &span, at: row * length, mirroredRow: mirroredRow)
        }
        return HostBatch(
            values: values, labels: labels.map { labels in numbers.map { labels[$0] } },
            captions: sampleCaptions.map { captions in numbers.map { captions.number(of: $0) { _ in 0 } } },
            count: numbers.count)
    }
}

/// A source with all that its files say of it.
struct OpenedSource {
    var source: any SampleSource
    var shape: SampleShape
    var classes: [String] = []
    var labels: [Int]?
    /// Of each sample, at least one; nil where they have none, or none are wanted.
    var captions: [[String]]?
    var standardization: Standardization?
    var notes: [String] = []
    var unreadable: [String] = []
}

extension ImageOptions {
    /// The shape of samples with these options; `natural` is what the files have, where that is one size.
    func shape(natural: (resolution: Int, channels: Int)? = nil) throws -> SampleShape {
        guard let resolution = resolution ?? natural?.resolution else {
            throw Problem(
                .invalid, "nothing says to which size the images are brought", remedy: "Add \"resolution\".",
                path: "$.dataset.resolution")
        }
        return .image(ImageSize(resolution), channels: channels ?? natural?.channels ?? 3)
    }
}
