internal import StrictJSON

/// What each level of a U-Net has: the same for all, or a list from the input on. In JSON it is a value or a list, and
/// it is written in the form in which it came.
public enum PerLevel<Value: Sendable & Hashable>: Sendable, Hashable {
    case all(Value)
    case each([Value])

    /// That of a level, counted from the input. A list that is too short goes on with its last value: it is refused,
    /// but not before all other rules were asked.
    public subscript(level: Int) -> Value {
        switch self {
        case .all(let value): value
        case .each(let values): values[min(level, values.count - 1)]
        }
    }

    /// How long the list is; nil: there is none.
    var count: Int? { if case .each(let values) = self { values.count } else { nil } }

    static func form(_ value: Form<Value>) -> Form<PerLevel> {
        .either(
            value, .list(value, count: 1...8), isFirst: { $0.elements == nil }, { .all($0) }, { .each($0) },
            write: { levels in
                switch levels {
                case .all(let one): value.write(one)
                case .each(let values): JSONNode(.array(values.map(value.write)))
                }
            })
    }
}
