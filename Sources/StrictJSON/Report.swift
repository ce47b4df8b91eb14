public import Problems

/// The problems and warnings of one reading, collected so that all are told at once.
public struct Report: Sendable {
    public enum UnknownKeys: Sendable {
        /// For files that people write for us: a key that means nothing is a mistake.
        case areErrors
        /// For files that other programs write: newer versions add keys. Names that begin with `_` are skipped.
        case areWarnings
    }

    public let unknownKeys: UnknownKeys
    /// What keys are called elsewhere, in small letters, with their paths here.
    let otherNames: [String: String]
    public private(set) var problems: [Problem] = []
    public private(set) var warnings: [Problem] = []
    private var uncounted = 0
    /// Where a value could not be read, so that rules about it would judge its default.
    private var unread: Set<String> = []

    public init(unknownKeys: UnknownKeys = .areErrors, otherNames: [String: String] = [:]) {
        self.unknownKeys = unknownKeys
        self.otherNames = otherNames
    }

    /// Reports a value that could not be read.
    public mutating func add(
        _ message: String, remedy: String, at path: JSONPath, _ place: JSONNode.Place?, code: Problem.Code = .invalid
    ) {
        if unread.count < Problems.limit { unread.insert(path.description) }
        note(message, remedy: remedy, at: path, place, code: code)
    }

    /// Reports a rule that values which were read well do not keep.
    fileprivate mutating func note(
        _ message: String, remedy: String, at path: JSONPath, _ place: JSONNode.Place?, code: Problem.Code
    ) {
        guard problems.count < Problems.limit else {
            uncounted += 1
            return
        }
        problems.append(
            Problem(code, message, remedy: remedy, path: path.text, line: place?.line, column: place?.column))
    }

    /// Takes over what another report of the same reading holds.
    mutating func append(_ other: Report) {
        for problem in other.problems {
            if problems.count < Problems.limit { problems.append(problem) } else { uncounted += 1 }
        }
        warnings += other.warnings.prefix(Problems.limit - warnings.count)
        uncounted += other.uncounted
        unread.formUnion(other.unread)
    }

    public mutating func warn(_ message: String, remedy: String, at path: JSONPath, _ place: JSONNode.Place?) {
        guard warnings.count < Problems.limit else { return }
        warnings.append(
            Problem(
                .unsupported, message, remedy: remedy, path: path.text, line: place?.line, column: place?.column)
        )
    }

    /// Whether the value at `path`, one above it or one below it could not be read.
    func isUnread(_ path: JSONPath) -> Bool {
        unread.contains {
            Self.isWithin($0, path.description) || Self.isWithin(path.description, $0)
        }
    }

    private static func isWithin(_ path: String, _ parent: String) -> Bool {
        path.hasPrefix(parent)
            && (path.count == parent.count || [".", "["].contains(path.dropFirst(parent.count).first))
    }

    /// Throws all problems, in the order in which they stand in the text, when there is one.
    public func check(file: String? = nil) throws(Problems) {
        guard !problems.isEmpty else { return }
        var all = problems.enumerated().sorted {
            ($0.element.line ?? .max, $0.element.column ?? .max, $0.offset)
                < ($1.element.line ?? .max, $1.element.column ?? .max, $1.offset)
        }.map(\.element)
        if uncounted > 0 {
            all.append(.more(uncounted))
        }
        throw Problems(all.map { file.map($0.inFile) ?? $0 })
    }
}

/// What a `Described` value's `validate` reports through: rules between several keys.
public struct Checks {
    public private(set) var report: Report
    private let node: JSONNode
    private let path: JSONPath

    init(_ report: Report, _ node: JSONNode, _ path: JSONPath) {
        self.report = report
        self.node = node
        self.path = path
    }

    /// Reports that the value of `key` breaks a rule. `key` and `others`, the further keys that the rule reads, may reach into members
    /// (`"dataset.resolution"`). Nothing is reported when one of them could not be read.
    public mutating func fail(
        _ key: String, and others: [String] = [], _ message: String, remedy: String, code: Problem.Code = .invalid
    ) {
        let (keyPath, place) = locate(key)
        guard !report.isUnread(keyPath), !others.contains(where: { report.isUnread(locate($0).0) }) else { return }
        report.note(message, remedy: remedy, at: keyPath, place, code: code)
    }

    /// The path of `key`, and the place of its value or, where it is absent, of the innermost object that should hold it.
    private func locate(_ key: String) -> (JSONPath, JSONNode.Place?) {
        var (path, node, place) = (path, node as JSONNode?, node.place)
        for name in key.split(separator: ".") {
            path = path.member(String(name))
            node = node?[String(name)]
            place = node?.place ?? place
        }
        return (path, place)
    }
}
