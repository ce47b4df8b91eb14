/// One thing that is wrong, told so that the reader can mend it: what, where, and what to do.
///
/// Every error that a job file, a data file, a request or the machine can cause is a `Problem`. It travels unchanged from
/// where it is found into a receipt (`rejected/NAME.error.json`), a job's `status.json`, an `application/problem+json`
/// answer, or a line on a terminal.
public struct Problem: Error, Sendable, Codable, Hashable {
    /// What kind of trouble it is. The kind decides what happens to a job: only `interrupted`, `unavailable` and `crashed`
    /// are worth another attempt.
    public enum Code: String, Sendable, Codable, CaseIterable {
        /// A value, key or request that can never work as given.
        case invalid
        /// A file, model, job or directory that is named but is not there.
        case missing
        /// Not allowed: outside the allowed paths, a link, or another user's.
        case denied
        /// A file whose content is damaged, truncated or not what it claims to be.
        case corrupt
        /// A well-formed request for something that diffd does not do.
        case unsupported
        /// Not enough memory for the job.
        case outOfMemory = "out_of_memory"
        /// No space left where diffd writes.
        case diskFull = "disk_full"
        /// NaN or infinity where numbers should be, and no way back.
        case numerical
        /// A signal or a stop ended the work before its end.
        case interrupted
        /// Something is there but cannot be used at present (locked, not answering).
        case unavailable
        /// A worker died without a result.
        case crashed
        /// Reading or writing failed for a reason of the operating system.
        case io
        /// The program contradicts itself; please report it.
        case `internal`
    }

    public var code: Code
    /// What is wrong, as one sentence that names the offending value.
    public var message: String
    /// What to do about it.
    public var remedy: String?
    /// The file in which it was found.
    public var file: String?
    /// Where in a JSON document: `$.training.steps`.
    public var path: String?
    /// 1-based place in `file`.
    public var line: Int?
    public var column: Int?
    /// The lower-level reason, such as the operating system's message.
    public var cause: String?

    public init(
        _ code: Code, _ message: String, remedy: String? = nil, file: String? = nil, path: String? = nil,
        line: Int? = nil, column: Int? = nil, cause: String? = nil
    ) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.file = file
        self.path = path
        self.line = line
        self.column = column
        self.cause = cause
    }

    /// The same problem, known to lie in `file` unless it already names one.
    public func inFile(_ file: String) -> Problem {
        var copy = self
        copy.file = copy.file ?? file
        return copy
    }
}

extension Problem {
    /// In the place of problems that are not told one by one.
    public static func more(_ count: Int) -> Problem {
        Problem(
            .invalid, count == 1 ? "there is 1 more problem" : "there are \(count) more problems",
            remedy: "Mend these first.")
    }
}

extension Problem: CustomStringConvertible {
    /// `file:line:column: $.path: message (cause). remedy`, leaving out what is not known.
    public var description: String {
        var place: [String] = []
        if let file {
            let parts = [file, line.map(String.init), column.map(String.init)]
            place.append(parts.compactMap(\.self).joined(separator: ":"))
        }
        if let path { place.append(path) }
        var text = (place + [message]).joined(separator: ": ")
        if let cause { text += " (\(cause))" }
        if let remedy { text += text.hasSuffix(".") ? " \(remedy)" : ". \(remedy)" }
        return text
    }
}

/// Several problems found in one reading, in the order in which they stand in the source. Never empty when thrown.
public struct Problems: Error, Sendable, Codable, Hashable, CustomStringConvertible {
    public var all: [Problem]

    /// At most so many are listed; of more, only their number is given.
    public static let limit = 100

    public init(_ all: [Problem]) { self.all = all }

    /// The first `limit`, and how many more there are: what stands in an answer, a receipt or a log.
    public var bounded: Problems {
        guard all.count > Self.limit else { return self }
        return Problems(all.prefix(Self.limit) + [.more(all.count - Self.limit)])
    }

    public var description: String { all.map(\.description).joined(separator: "\n") }
}
