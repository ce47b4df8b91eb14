/// The extents of a tensor, outermost first, stored inline: making and comparing shapes never allocates.
///
/// At most `Shape.maximumRank` axes, each extent at least 0; more is a programmer's error.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral, RandomAccessCollection {
    public static let maximumRank = 6

    private var extents: SIMD8<Int>
    public private(set) var rank: Int

    public init(arrayLiteral elements: Int...) { self.init(elements) }

    public init(_ elements: some Collection<Int>) {
        precondition(elements.count <= Self.maximumRank, "a tensor has at most \(Self.maximumRank) axes")
        extents = SIMD8(repeating: 0)
        rank = elements.count
        for (axis, extent) in elements.enumerated() {
            precondition(extent >= 0, "an extent is at least 0")
            extents[axis] = extent
        }
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { rank }

    public subscript(axis: Int) -> Int {
        get {
            precondition(axis >= 0 && axis < rank, "no such axis")
            return extents[axis]
        }
        set {
            precondition(axis >= 0 && axis < rank && newValue >= 0, "no such axis, or a negative extent")
            extents[axis] = newValue
        }
    }

    /// The number of elements; 1 for a scalar.
    public var elementCount: Int {
        var product = 1
        for axis in 0..<rank { product *= extents[axis] }
        return product
    }

    /// The number of elements in the axes `range`.
    func elementCount(in range: Range<Int>) -> Int {
        var product = 1
        for axis in range { product *= extents[axis] }
        return product
    }

    /// The innermost extent: channels, features. 1 for a scalar.
    public var last: Int { rank == 0 ? 1 : extents[rank - 1] }

    /// This shape with the innermost extent replaced.
    func withLast(_ extent: Int) -> Shape {
        var copy = self
        copy[rank - 1] = extent
        return copy
    }

    /// The common shape of two operands after broadcasting (axes aligned at the right, extent 1 stretches), or nil.
    func broadcast(with other: Shape) -> Shape? {
        if self == other { return self }
        var result = rank >= other.rank ? self : other
        for back in 1...Swift.max(1, result.rank) where result.rank > 0 {
            let a = back <= rank ? self[rank - back] : 1
            let b = back <= other.rank ? other[other.rank - back] : 1
            guard a == b || a == 1 || b == 1 else { return nil }
            result[result.rank - back] = a == 1 ? b : a
        }
        return result
    }
}

extension Shape: CustomStringConvertible {
    public var description: String { "(" + map(String.init).joined(separator: ", ") + ")" }
}
