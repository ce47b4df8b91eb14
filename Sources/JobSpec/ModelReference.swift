import StrictJSON

/// How a job names the model that it uses.
public enum ModelReference: Sendable, Hashable {
    /// A diffusers pipeline directory: text with a `/`.
    case path(String)
    /// The model of the train job with this id: `job:42`.
    case jobID(Int)
    /// The model of the newest train job of this name: `job:shirts`.
    case jobName(String)
    /// A name under the spool's `models/`: `shirts`.
    case published(String)

    /// Nil when the text is none of these.
    public init?(_ text: String) {
        if text.hasPrefix("job:") {
            let job = String(text.dropFirst(4))
            if !job.isEmpty, job.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
                guard let id = Int(job, radix: 10), id > 0 else { return nil }
                self = .jobID(id)
            } else {
                guard JobName.isValid(job) else { return nil }
                self = .jobName(JobName.composed(job))
            }
        } else if text.utf8.contains(UInt8(ascii: "/")) {
            self = .path(text)
        } else {
            guard JobName.isValid(text) else { return nil }
            self = .published(JobName.composed(text))
        }
    }

    /// The path, where it is named by one.
    public var path: String? { if case .path(let path) = self { path } else { nil } }

    static let form = Form<ModelReference>(
        schema: ["type": "string", "minLength": 1, "maxLength": 4096],
        read: { node, path, report in
            guard let text = Form<String>.string().read(node, path, &report) else { return nil }
            guard let reference = ModelReference(text) else {
                return report.mismatch(
                    node, path, "a path with a /, \"job:ID\", \"job:NAME\", or the name of a published model")
            }
            return reference
        }, write: { JSONNode(.string($0.description)) })
}

extension ModelReference: CustomStringConvertible {
    public var description: String {
        switch self {
        case .path(let path): path
        case .jobID(let id): "job:\(id)"
        case .jobName(let name): "job:\(name)"
        case .published(let name): name
        }
    }
}
