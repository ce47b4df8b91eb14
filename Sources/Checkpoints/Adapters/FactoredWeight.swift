internal import Problems
internal import Safetensors
internal import TensorCore

/// A matrix that a file holds whole or in factors. Kernels of convolutions are matrices too: outputs by inputs and places.
struct FactoredWeight: Sendable {
    enum Form: Sendable {
        case whole(String)
        /// A B: (O, r) by (r, ...).
        case product(String, String)
        /// The sum of t[i, j, ...] a[i, o] b[j, c] over i and j: a Tucker decomposition whose kernel's axes are whole.
        /// The left factor is stored as (i, O), or where `isTransposed` as (O, i).
        case tucker(core: String, left: String, right: String, isTransposed: Bool)
    }

    let rows: Int
    /// What follows the first axis: inputs, or inputs and the two axes of a kernel, unless this is 1 x 1. A file may hold
    /// the product of all three instead.
    let columns: [Int]
    /// The extent that the factors share; 0 for a whole matrix.
    let rank: Int
    private let form: Form
    private let file: SafetensorsFile

    /// - Throws: `invalid` where the tensors do not fit each other.
    init(_ form: Form, in file: SafetensorsFile) throws(Problem) {
        (self.form, self.file) = (form, file)
        func shape(_ name: String) throws(Problem) -> [Int] {
            let info = try file.info(name)
            guard Self.types.contains(info.type) else {
                throw Self.unfit("the tensor \(name) holds \(info.type.rawValue), not floats", file)
            }
            guard (2...4).contains(info.shape.count), info.shape.allSatisfy({ $0 > 0 }) else {
                throw Self.unfit("the tensor \(name) has the shape \(info.shape), which is that of no factor", file)
            }
            return info.shape.withoutKernel
        }
        switch form {
        case .whole(let name):
            let whole = try shape(name)
            (rows, columns, rank) = (whole[0], Array(whole[1...]), 0)
        case .product(let left, let right):
            let (a, b) = (try shape(left), try shape(right))
            guard a.count == 2, a[1] == b[0] else { throw Self.unfit("\(left) \(a) and \(right) \(b)", file) }
            (rows, columns, rank) = (a[0], Array(b[1...]), b[0])
        case .tucker(let core, let left, let right, let isTransposed):
            let (t, b) = (try file.info(core).shape, try shape(right))
            let stored = try shape(left)
            _ = try shape(core)
            let a = isTransposed ? stored.reversed() : stored
            guard t.count == 4, a.count == 2, b.count == 2, a[0] == t[0], b[0] == t[1], t[0] == t[1] else {
                throw Self.unfit("\(core) \(t), \(left) \(stored) and \(right) \(b)", file)
            }
            (rows, columns, rank) = (a[1], ([b[1]] + t[2...]).withoutPlaces, b[0])
        }
    }

    /// The matrix, (rows, product of columns).
    func values(on device: Device) throws -> Tensor {
        switch form {
        case .whole(let name): return try matrix(name, on: device)
        case .product(let left, let right): return try matrix(left, on: device).matmul(matrix(right, on: device))
        case .tucker(let core, let left, let right, let isTransposed):
            let shape = try file.info(core).shape
            let (i, j, places) = (shape[0], shape[1], shape[2] *| shape[3])
            let b = try matrix(right, on: device)  // (j, C)
            let inputs = b.shape[1]
            let t = try matrix(core, on: device).reshaped(to: [i, j, places]).permuted([0, 2, 1])  // (i, P, j)
            let inner = t.reshaped(to: [i * places, j]).matmul(b)  // (i P, C)
            let ordered = inner.reshaped(to: [i, places, inputs]).permuted([0, 2, 1])  // (i, C, P)
            return try matrix(left, on: device).matmul(
                ordered.reshaped(to: [i, inputs * places]), transposeA: !isTransposed)  // (O, C P)
        }
    }

    /// A tensor, (first axis, all others).
    private func matrix(_ name: String, on device: Device) throws -> Tensor {
        let info = try file.info(name)
        let rows = info.shape.first ?? 1
        return try Tensor(shape: [rows, info.count / max(rows, 1)], on: device) { span in
            try file.readFloats(name, into: &span)
        }
    }

    private static let types: Set<DataType> = [.float64, .float32, .float16, .bfloat16, .float8E4M3, .float8E5M2]

    private static func unfit(_ what: String, _ file: SafetensorsFile) -> Problem {
        let message = what.hasPrefix("the tensor") ? what : "the factors \(what) do not multiply"
        return Problem(.invalid, message, remedy: "Download or export the file again.", file: file.path)
    }
}

extension [Int] {
    /// Inputs and a kernel's axes, without a kernel of 1 x 1.
    var withoutPlaces: [Int] { count == 3 && self[1...] == [1, 1] ? [self[0]] : self }
}
