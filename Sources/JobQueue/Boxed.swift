/// A value that most do not have: one word where it would stand, and the value itself elsewhere when there is one.
@propertyWrapper
public indirect enum Boxed<Value> {
    case none
    case some(Value)

    public init(wrappedValue: Value?) {
        self = wrappedValue.map(Boxed.some) ?? .none
    }

    public var wrappedValue: Value? {
        get { if case .some(let value) = self { value } else { nil } }
        set { self = Boxed(wrappedValue: newValue) }
    }
}

extension Boxed: Sendable where Value: Sendable {}
extension Boxed: Equatable where Value: Equatable {}
extension Boxed: Hashable where Value: Hashable {}
