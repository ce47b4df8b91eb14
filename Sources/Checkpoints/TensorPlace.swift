/// Where the values of a parameter lie in a file.
struct TensorPlace: Hashable, Sendable {
    var key: String
    /// The parameter is one of `parts` equal parts of the tensor's first axis.
    var part = 0
    var parts = 1
    /// The tensor is the parameter's transpose.
    var isTransposed = false

    /// The shape that the file's tensor must have for a parameter of this shape.
    func shape(for parameter: [Int]) -> [Int] {
        if isTransposed { return parameter.reversed() }
        guard parts > 1, let first = parameter.first else { return parameter }
        return [first * parts] + parameter.dropFirst()
    }
}
