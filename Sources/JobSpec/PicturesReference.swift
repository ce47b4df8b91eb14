import Problems
import StrictJSON

/// How a job names a set of pictures.
public enum PicturesReference: Sendable, Hashable {
    /// A folder of pictures, or a file of statistics.
    case path(String)
    /// The pictures that a job has made: `job:42`, `job:shirts`.
    case job(JobReference)

    /// Nil when the text is neither.
    public init?(_ text: String) {
        guard text.hasPrefix("job:") else {
            self = .path(text)
            return
        }
        guard let job = JobReference(text) else { return nil }
        self = .job(job)
    }

    /// The path, where it is named by one.
    public var path: String? { if case .path(let path) = self { path } else { nil } }

    /// Whether it names a file of statistics, which its ending tells.
    public var isStatistics: Bool { path?.lowercased().hasSuffix(".npz") == true }

    static let form = Form<PicturesReference>(
        schema: ["type": "string", "minLength": 1, "maxLength": 4096],
        read: { node, path, report in
            guard let text = Form<String>.string().read(node, path, &report) else { return nil }
            guard let reference = PicturesReference(text) else {
                return report.mismatch(node, path, "a folder, an .npz file, \"job:ID\" or \"job:NAME\"")
            }
            return reference
        }, write: { JSONNode(.string($0.description)) })
}

extension PicturesReference: CustomStringConvertible {
    public var description: String {
        switch self {
        case .path(let path): path
        case .job(let job): "job:\(job)"
        }
    }
}
