internal import Problems
internal import Safetensors
internal import TensorCore

/// What an adapter adds to the weight W (outputs by inputs and places of a kernel) of one module.
struct WeightDelta: Sendable {
    enum Form: Sendable {
        /// LoRA, ΔW = B A (Hu et al. 2022, equation 3); LoCon, with a third factor between (Yeh et al. 2024).
        case lowRank(FactoredWeight)
        /// LoHa, ΔW = W1 ⊙ W2 (Hyeon-Woo et al. 2022, proposition 1).
        case hadamard(FactoredWeight, FactoredWeight)
        /// LoKr, ΔW = W1 ⊗ W2 (Yeh et al. 2024, section 3).
        case kronecker(FactoredWeight, FactoredWeight)
    }

    /// Norms that DoRA trains, of each output's weights or of each input's.
    struct Magnitude: Sendable {
        let name: String
        let isPerInput: Bool
    }

    let form: Form
    /// By which ΔW is multiplied, the job's scale included.
    let scale: Float
    var magnitude: Magnitude?
    let file: SafetensorsFile

    /// Rows and columns of ΔW.
    var rows: Int {
        switch form {
        case .lowRank(let factors): factors.rows
        case .hadamard(let first, _): first.rows
        case .kronecker(let first, let second): first.rows *| second.rows
        }
    }

    /// The shape that follows the outputs, as `FactoredWeight.columns`.
    var columns: [Int] {
        switch form {
        case .lowRank(let factors): factors.columns
        case .hadamard(let first, _): first.columns
        case .kronecker(let first, let second):
            [first.columns.reduce(1, *|) *| second.columns[0]] + second.columns[1...]
        }
    }

    /// Whether ΔW has the shape of a weight, (outputs, inputs) or (outputs, inputs, height, width).
    func fits(_ weight: [Int]) -> Bool {
        let own = weight.withoutKernel
        guard rows == own[0] else { return false }
        let expected = Array(own[1...])
        if case .hadamard(let first, let second) = form,
            first.rows != second.rows || first.columns.reduce(1, *|) != second.columns.reduce(1, *|)
        {
            return false
        }
        return columns == expected || columns == [expected.reduce(1, *|)]
    }

    /// W' - W for a weight as files have it, of any number of axes; the same shape.
    func contribution(to weight: Tensor) throws -> Tensor {
        let change = try values(on: weight.device).reshaped(to: weight.shape) * scale
        guard let magnitude else { return change }
        return try renormed(weight + change, magnitude) - weight
    }

    /// ΔW before it is scaled, (outputs, inputs · places).
    func values(on device: Device) throws -> Tensor {
        switch form {
        case .lowRank(let factors): return try factors.values(on: device)
        case .hadamard(let first, let second): return try first.values(on: device) * second.values(on: device)
        case .kronecker(let first, let second):
            let (a, b) = (try first.values(on: device), try second.values(on: device))
            let (p, q, r, s) = (a.shape[0], a.shape[1], b.shape[0], b.shape[1])
            let product = a.reshaped(to: [p, 1, q, 1]) * b.reshaped(to: [1, r, 1, s])  // (p, r, q, s)
            return product.reshaped(to: [p * r, q * s])
        }
    }

    /// m V / ‖V‖, the norm taken over all but one axis (Liu et al. 2024, equation 5).
    private func renormed(_ v: Tensor, _ magnitude: Magnitude) throws -> Tensor {
        let (outputs, inputs) = (v.shape[0], v.shape[1])
        let places = v.elementCount / (outputs * inputs)
        let matrix = v.reshaped(to: [outputs, inputs, places])
        let kept: Shape = magnitude.isPerInput ? [1, inputs, 1] : [outputs, 1, 1]
        let norms = matrix.squared().sum(to: kept).squareRoot().array()
        // A row of zeros has no direction, and stays.
        let factors = zip(try file.floats(magnitude.name), norms).map { $1 > 0 ? $0 / $1 : 0 }
        return (matrix * Tensor(factors, shape: kept, on: v.device)).reshaped(to: v.shape)
    }
}
