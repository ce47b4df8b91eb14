internal import StrictJSON

/// How a job names a class: by its number, or by the name that the model has for it.
public enum ClassLabel: Sendable, Hashable {
    case number(Int)
    case name(String)

    static let form = Form<ClassLabel>.either(
        .integer(in: 0...999_999), .string(limit: 1000), isFirst: { $0.string == nil }, { .number($0) }, { .name($0) },
        write: { label in
            switch label {
            case .number(let number): JSONNode(.integer(number))
            case .name(let name): JSONNode(.string(name))
            }
        })
}
