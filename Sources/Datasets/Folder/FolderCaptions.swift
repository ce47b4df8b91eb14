import Configurations
import Problems

/// What is said of the pictures of a folder.
enum FolderCaptions {
    static let sidecarEnding = ".txt"
    private static let mostBytes = 1 << 20

    /// The captions of `images` (paths relative to the listed directory), from where `options` say.
    ///
    /// - Returns: those of each picture, at least one; nil where there are none.
    /// - Throws: `Problems` of pictures without a caption, of captions without a picture, and of empty ones.
    static func find(
        _ options: CaptionOptions, images: [String], metadata: ImageMetadata?, _ listing: FolderListing
    ) throws -> [[String]]? {
        if let common = options.common { return images.map { _ in [common] } }
        let sidecars = listing.files.filter { $0.hasSuffix(sidecarEnding) }
        switch options.source {
        case .none: return nil
        case .metadata:
            guard let metadata else {
                throw Problem(
                    .missing, "there is no \(ImageMetadata.fileName) to take captions from",
                    remedy: "Add it, or choose other \"captions\".", file: listing.root)
            }
            return try described(images, by: metadata)
        case .sidecar: return try read(sidecars, images, listing.root)
        case .fileName: return try named(images, listing.root, "file's name", of: name)
        case .folder: return try named(images, listing.root, "folder's name", of: folder)
        case .auto:
            if let metadata, metadata.hasCaptions { return try described(images, by: metadata) }
            let stems = Set(images.map(stem))
            guard sidecars.contains(where: { stems.contains(stem($0)) }) else { return nil }
            return try read(sidecars, images, listing.root)
        }
    }

    private static func described(_ images: [String], by metadata: ImageMetadata) throws -> [[String]] {
        let entries = Dictionary(uniqueKeysWithValues: metadata.entries.map { ($0.file, $0) })
        try FolderLabels.refuse(images.filter { entries[$0]?.captions == nil }) {
            lack(of: $0, "Add \"text\" to its line, or remove the picture.", metadata.path, line: entries[$0]?.line)
        }
        let texts = images.map { entries[$0]?.captions ?? [] }
        try FolderLabels.refuse(zip(images, texts).filter { hasEmpty($0.1) }.map(\.0)) {
            empty("of \"\($0)\" ", metadata.path, line: entries[$0]?.line)
        }
        return texts
    }

    /// The lines of the text file beside each picture.
    private static func read(_ sidecars: [String], _ images: [String], _ root: String) throws -> [[String]] {
        let byStem = Dictionary(sidecars.map { (stem($0), $0) }, uniquingKeysWith: { first, _ in first })
        try FolderLabels.refuse(images.filter { byStem[stem($0)] == nil }) {
            lack(of: $0, "Write one into \(stem($0))\(sidecarEnding), or remove the picture.", "\(root)/\($0)")
        }
        let stems = Set(images.map(stem))
        try FolderLabels.refuse(sidecars.filter { !stems.contains(stem($0)) }) {
            Problem(
                .invalid, "there is no picture to this caption", remedy: "Add the picture, or remove the file.",
                file: "\(root)/\($0)")
        }
        return try images.map { image in
            let path = "\(root)/\(byStem[stem(image)] ?? "")"
            let bytes = Array(try TextFile.read(path, atMost: mostBytes))
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw Problem(.invalid, "the caption is not UTF-8", remedy: "Save it as UTF-8.", file: path)
            }
            let lines = text.split(whereSeparator: \.isNewline).map(trimmed).filter { !$0.isEmpty }
            guard !lines.isEmpty else { throw empty("", path) }
            return lines
        }
    }

    private static func named(
        _ images: [String], _ root: String, _ what: String, of name: (String) -> String
    ) throws -> [[String]] {
        try FolderLabels.refuse(images.filter { name($0).isEmpty }) {
            Problem(
                .invalid, "the \(what) says nothing", remedy: "Name it by what is seen, or choose other \"captions\".",
                file: "\(root)/\($0)")
        }
        return images.map { [name($0)] }
    }

    /// `a_red_barn-012.png` as `a red barn`.
    private static func name(of image: String) -> String {
        let last = stem(image).split(separator: "/").last ?? ""
        let words = last.split { $0 == "_" || $0 == " " }
        var text = words.joined(separator: " ")[...]
        // A number that tells one picture from the next says nothing of what is seen, unless it is all that there is.
        let withoutNumber = text.trimmingEnd { $0.isNumber || "()".contains($0) }
        if withoutNumber.count < text.count, withoutNumber.last.map({ " -.".contains($0) }) == true {
            text = withoutNumber.trimmingEnd { " -.".contains($0) }
        }
        return String(text)
    }

    /// The first folder on the way to a picture, with spaces for `_`; empty where there is none.
    private static func folder(of image: String) -> String {
        let parts = image.split(separator: "/", maxSplits: 1)
        return parts.count == 2 ? parts[0].split(separator: "_").joined(separator: " ") : ""
    }

    /// A path without its ending.
    private static func stem(_ path: String) -> String {
        let name = path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex
        guard let dot = path.lastIndex(of: "."), dot > name else { return path }
        return String(path[..<dot])
    }

    private static func trimmed(_ line: Substring) -> String {
        String(line.drop(while: \.isWhitespace).trimmingEnd(\.isWhitespace))
    }

    private static func hasEmpty(_ texts: [String]) -> Bool { texts.contains { $0.allSatisfy(\.isWhitespace) } }

    private static func lack(of image: String, _ remedy: String, _ file: String, line: Int? = nil) -> Problem {
        Problem(.invalid, "\"\(image)\" has no caption", remedy: remedy, file: file, line: line)
    }

    private static func empty(_ of: String, _ file: String, line: Int? = nil) -> Problem {
        Problem(
            .invalid, "the caption \(of)is empty",
            remedy: "Write one, or remove the picture; caption_dropout_prob teaches what no words mean.", file: file,
            line: line)
    }
}

extension Substring {
    fileprivate func trimmingEnd(_ isTrimmed: (Character) -> Bool) -> Substring {
        var rest = self
        while let last = rest.last, isTrimmed(last) { rest.removeLast() }
        return rest
    }
}
