public import StrictJSON

/// Where the captions of a folder's pictures come from, for a model that reads text.
public struct CaptionOptions: Sendable, Hashable {
    public enum Source: String, Sendable, CaseIterable {
        /// `metadata.jsonl` when it has captions, else text files beside the pictures when there are some, else none.
        case auto
        /// The key `text` or `caption` of `metadata.jsonl`: a text, or a list of which each epoch draws one.
        case metadata
        /// NAME.txt beside NAME.png, a caption a line.
        case sidecar
        /// The pictures' own names, without a number at their end.
        case fileName = "file_name"
        /// The names of the first-level folders.
        case folder
        case none
    }

    public var source = Source.auto
    /// Of all pictures.
    public var common: String?

    public init() {}

    /// Whether the job says anything of captions.
    var isGiven: Bool { source != .auto && source != .none || common != nil }
}

extension ImageFolderConfiguration {
    static let captionFields: [Field<Self>] = [
        Field(
            "captions", \.captions.source, .choice(),
            "Where captions come from, for a model that reads text: text or caption in metadata.jsonl (metadata), a file NAME.txt "
                + "beside each picture with a caption a line (sidecar), the pictures' names (file_name) or those of the first-level "
                + "folders (folder), with spaces for _; auto: the first of metadata and sidecar that is there."),
        Field(
            "caption", \.captions.common, .optional(.string(limit: 10_000)),
            "One caption for all; null: each has its own."),
    ]

    func checkCaptions(_ checks: inout Checks) {
        guard captions.common != nil, captions.source != .auto else { return }
        checks.fail(
            "caption", and: ["captions"], "both caption and captions are given", remedy: "Keep one of them.")
    }
}

extension DatasetConfiguration {
    /// Reports captions that nobody reads.
    public func checkUnreadCaptions(_ checks: inout Checks) {
        guard case .imageFolder(let folder) = self, folder.captions.isGiven else { return }
        checks.fail(
            folder.captions.common == nil ? "dataset.captions" : "dataset.caption", and: ["model"],
            "the data set's captions are asked for, but nothing here reads text", remedy: "Remove it.")
    }
}
