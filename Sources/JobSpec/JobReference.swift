import StrictJSON

/// How a user names a job: its id, or its name, which means the newest job of that name.
public enum JobReference: Sendable, Hashable {
    case id(Int)
    case name(String)

    /// Reads `42`, `shirts`, or either after `job:`. Nil for an empty name, or one that no job can have because it holds a
    /// slash, a control character, or is longer than 255 bytes.
    ///
    /// Digits alone are an id, so that a job named `42` is reached by its id only.
    public init?(_ text: String) {
        let name = text.hasPrefix("job:") ? String(text.dropFirst(4)) : text
        guard !name.isEmpty, name.utf8.count <= 255, name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != 0x2F })
        else { return nil }
        if name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            guard let id = Int(name, radix: 10) else { return nil }
            self = .id(id)
        } else {
            self = .name(JobName.composed(name))
        }
    }
}

extension JobReference {
    /// How a job file names another job: an id as a number, or a name as text.
    static let form = Form<JobReference>.either(
        .integer(in: 1...Int.max), JobName.form, isFirst: { $0.string == nil },
        JobReference.id, JobReference.name,
        write: { reference in
            switch reference {
            case .id(let id): JSONNode(.integer(id))
            case .name(let name): JSONNode(.string(name))
            }
        })
}

extension JobReference: CustomStringConvertible {
    public var description: String {
        switch self {
        case .id(let id): String(id)
        case .name(let name): name
        }
    }
}
