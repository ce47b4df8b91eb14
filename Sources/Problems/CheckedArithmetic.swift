/// Arithmetic on numbers from outside: sizes and times of files, rows of the store, requests. What does not fit becomes
/// the nearest value
/// that does, where `+`, `*` and `Int(_:)` would end the program. `SourceTests` keeps the latter from being used on
/// them.
infix operator +| : AdditionPrecedence
infix operator -| : AdditionPrecedence
infix operator *| : MultiplicationPrecedence
infix operator +|= : AssignmentPrecedence

extension FixedWidthInteger {
    public static func +| (a: Self, b: Self) -> Self {
        let (sum, overflows) = a.addingReportingOverflow(b)
        return overflows ? (b < 0 ? .min : .max) : sum
    }

    public static func -| (a: Self, b: Self) -> Self {
        let (difference, overflows) = a.subtractingReportingOverflow(b)
        return overflows ? (b < 0 ? .max : .min) : difference
    }

    public static func *| (a: Self, b: Self) -> Self {
        let (product, overflows) = a.multipliedReportingOverflow(by: b)
        return overflows ? ((a < 0) == (b < 0) ? .max : .min) : product
    }

    public static func +|= (a: inout Self, b: Self) { a = a +| b }

    /// The number without its fraction; the nearest representable one where it is too large, and 0 for NaN.
    public init(saturating number: Double) {
        self =
            Self(exactly: number.rounded(.towardZero))
            ?? (number.isNaN ? 0 : number < 0 ? .min : .max)
    }
}
