public import Problems

/// An `application/problem+json` answer (RFC 9457).
///
/// The standard members and the extension members beside them tell the first problem; `problems` holds them all, up to `Problems.limit`.
public struct ProblemDocument: Sendable, Codable, Hashable {
    public static let mediaType = "application/problem+json"

    /// `urn:diffd:problem:CODE`.
    public var type: String
    /// What problems of this type have in common.
    public var title: String
    /// The HTTP status.
    public var status: Int
    public var detail: String
    public var remedy: String?
    public var file: String?
    public var path: String?
    public var line: Int?
    public var column: Int?
    public var problems: [Problem]

    public init(_ problem: Problem, status: Int? = nil) { self.init(Problems([problem]), status: status) }

    /// `status` replaces the one that belongs to the first problem's code, where the request gives it another meaning.
    public init(_ problems: Problems, status: Int? = nil) {
        precondition(!problems.all.isEmpty, "a failure has at least one problem")
        let first = problems.all[0]
        type = "urn:diffd:problem:\(first.code.rawValue)"
        title = first.code.title
        self.status = status ?? first.code.httpStatus
        detail = first.message
        remedy = first.remedy
        file = first.file
        path = first.path
        line = first.line
        column = first.column
        self.problems = problems.bounded.all
    }
}

extension Problem.Code {
    /// The HTTP status of an answer that fails for this reason.
    public var httpStatus: Int {
        switch self {
        case .invalid: 400
        case .denied: 403
        case .missing: 404
        case .corrupt, .unsupported: 422
        case .numerical, .crashed, .io, .internal: 500
        case .outOfMemory, .interrupted, .unavailable: 503
        case .diskFull: 507
        }
    }

    var title: String {
        switch self {
        case .invalid: "Not valid"
        case .denied: "Not permitted"
        case .missing: "Not found"
        case .corrupt: "Damaged or not what it claims to be"
        case .unsupported: "Not supported"
        case .outOfMemory: "Out of memory"
        case .diskFull: "No space left"
        case .numerical: "Numerical failure"
        case .interrupted: "Interrupted"
        case .unavailable: "Not available at present"
        case .crashed: "A worker crashed"
        case .io: "Input or output failed"
        case .internal: "Internal error"
        }
    }
}
