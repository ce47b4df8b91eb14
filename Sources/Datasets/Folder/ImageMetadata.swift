import Media
import Problems
import StrictJSON

/// What `metadata.jsonl` says of the images beside it: one JSON object a line with `file_name`; if the images have classes,
/// `label` (a name or a number); and captions as `text` or `caption` (a text, or a list of them). Other keys belong to others.
struct ImageMetadata {
    static let fileName = "metadata.jsonl"

    /// A class as it is written.
    enum Label: Hashable {
        case number(Int)
        case name(String)
    }

    struct Entry {
        var file: String
        var label: Label?
        /// Nil where the line has none.
        var captions: [String]?
        var line: Int
    }

    let path: String
    private(set) var entries: [Entry] = []

    private static let mostBytes = 1 << 28
    private static let mostClasses = 100_000

    /// - Throws: `Problems`, up to 100, each with its line.
    init(_ path: String) throws {
        self.path = path
        let bytes = try TextFile.read(path, atMost: Self.mostBytes)
        var problems: [Problem] = []
        var lines: [String: Int] = [:]
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ [0x20, 0x09, 0x0B, 0x0C, 0x0D].contains($0) }) { continue }
            do {
                let entry = try Self.entry(Array(line.last == UInt8(ascii: "\r") ? line.dropLast() : line), index + 1)
                if let first = lines.updateValue(index + 1, forKey: entry.file) {
                    throw Problem(
                        .invalid, "\"\(entry.file)\" is described twice, first in line \(first)", remedy: "Remove one.")
                }
                entries.append(entry)
            } catch let found as Problems {
                problems += found.all.map { place($0, index + 1) }
            } catch let problem as Problem {
                problems.append(place(problem, index + 1))
            }
            if problems.count >= FileSurvey.named { break }
        }
        if !problems.isEmpty { throw Problems(problems) }
    }

    /// The classes' names and the class of each file. Numbers name themselves; names are numbered in the order of their bytes.
    ///
    /// - Throws: a `Problem` for lines with and without labels, and for names beside numbers.
    func classes() throws -> (names: [String], labels: [String: Int]) {
        var labels: [String: Int] = [:]
        var names: Set<String> = []
        var largest: Int?
        for entry in entries {
            switch entry.label {
            case .name(let name): names.insert(name)
            case .number(let number): largest = max(largest ?? 0, number)
            case nil:
                throw place(
                    Problem(.invalid, "\"\(entry.file)\" has no \"label\"", remedy: "Label all images, or none."),
                    entry.line)
            }
        }
        if let largest {
            guard names.isEmpty else {
                throw Problem(
                    .invalid, "some labels are numbers and some are names", remedy: "Use one kind of label.", file: path
                )
            }
            for entry in entries { if case .number(let number) = entry.label { labels[entry.file] = number } }
            return ((0...largest).map(String.init), labels)
        }
        let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let numbers = Dictionary(uniqueKeysWithValues: zip(sorted, sorted.indices))
        for entry in entries { if case .name(let name) = entry.label { labels[entry.file] = numbers[name] } }
        return (sorted, labels)
    }

    var hasLabels: Bool { entries.contains { $0.label != nil } }
    var hasCaptions: Bool { entries.contains { $0.captions != nil } }

    /// Problems of the lines that name what is not there.
    ///
    /// - Parameter kind: what a line names, for people.
    func unknown(present: Set<String>, _ kind: String) -> [Problem] {
        entries.filter { !present.contains($0.file) }.map {
            place(
                Problem(
                    .missing, "there is no \(kind) \"\($0.file)\"",
                    remedy: "Add it, or remove the line; names are relative to this file."), $0.line)
        }
    }

    /// `./a//b` as `a/b`.
    private static func plain(_ file: String) -> String {
        file.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    func place(_ problem: Problem, _ line: Int) -> Problem {
        var problem = problem.inFile(path)
        problem.line = line
        return problem
    }

    private static func entry(_ text: [UInt8], _ line: Int) throws -> Entry {
        let node = try JSONNode.parse(text)
        guard let file = node["file_name"]?.string.map(plain), !file.isEmpty else {
            throw Problem(
                .invalid, "the line names no file", remedy: "Write an object with \"file_name\", relative to this file."
            )
        }
        return Entry(file: file, label: try label(of: node), captions: try captions(of: node), line: line)
    }

    private static func label(of node: JSONNode) throws -> Label? {
        guard let label = node["label"], !label.isNull else { return nil }
        if let name = label.string { return .name(name) }
        guard let number = label.integer, (0..<mostClasses).contains(number) else {
            throw Problem(
                .invalid, "label is neither a name nor a class number", remedy: "Write a text, or a number from 0 on.")
        }
        return .number(number)
    }

    private static func captions(of node: JSONNode) throws -> [String]? {
        guard let value = node["text"] ?? node["caption"], !value.isNull else { return nil }
        let texts = (value.elements ?? [value]).map(\.string)
        guard !texts.contains(nil), !texts.isEmpty else {
            throw Problem(.invalid, "the caption is no text", remedy: "Write a text, or a list of texts.")
        }
        return texts.compactMap(\.self)
    }
}
