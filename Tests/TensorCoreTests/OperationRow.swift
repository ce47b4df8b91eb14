import TensorCore
import Testing

/// One row of the operation table: an operation with its options and inputs, and what it should compute.
struct OperationRow: Sendable, CustomTestStringConvertible {
    struct Input: Sendable {
        var shape: [Int]
        /// Whether the first axis counts samples that have nothing to do with each other.
        var isBatched: Bool
        /// What becomes of a standard normal number.
        var distribution: @Sendable (Float) -> Float

        /// An input whose first axis counts samples.
        static func samples(
            _ shape: Int..., distribution: @escaping @Sendable (Float) -> Float = { $0 }
        ) -> Input {
            Input(shape: shape, isBatched: true, distribution: distribution)
        }

        /// An input that all samples share, such as a weight.
        static func shared(
            _ shape: Int..., distribution: @escaping @Sendable (Float) -> Float = { $0 }
        ) -> Input {
            Input(shape: shape, isBatched: false, distribution: distribution)
        }
    }

    let kind: Operation.Kind
    let name: String
    let inputs: [Input]
    /// Of the result, relative to its largest element. Gradients are allowed ten times as much.
    let tolerance: Double
    let compute: @Sendable ([Tensor]) -> Tensor
    let reference: @Sendable ([Plain]) -> Plain

    init(
        _ kind: Operation.Kind, _ name: String, _ inputs: [Input], tolerance: Double = 2e-6,
        compute: @escaping @Sendable ([Tensor]) -> Tensor, reference: @escaping @Sendable ([Plain]) -> Plain
    ) {
        self.kind = kind
        self.name = name
        self.inputs = inputs
        self.tolerance = tolerance
        self.compute = compute
        self.reference = reference
    }

    var testDescription: String { "\(kind.rawValue): \(name)" }

    /// The inputs' values, always the same for a row.
    ///
    /// - Parameter samples: the extent of the batch axis, or nil for the row's own.
    func values(samples: Int? = nil) -> [Plain] {
        inputs.enumerated().map { number, input in
            var shape = input.shape
            if let samples, input.isBatched { shape[0] = samples }
            var stream = Philox(seed: 7, purpose: .dataset, sample: number)
            let normals = stream.normals(shape.reduce(1, *))
            return Plain(shape, values: normals.map { Double(input.distribution($0)) })
        }
    }

    /// Whether samples do not influence each other, so that any split of a batch must give the same bits.
    var hasBatch: Bool { inputs.contains(where: \.isBatched) }
}

extension Plain {
    func tensor(on device: Device) -> Tensor { Tensor(values.map(Float.init), shape: Shape(shape), on: device) }
}

/// The whole table.
enum OperationTable {
    static let rows: [OperationRow] =
        elementwise + shapes + products + convolutions + normalizations + attentions + rotations + resamplings + losses
}
