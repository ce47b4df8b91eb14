internal import Models
internal import NeuralNet
internal import TensorCore

/// The encoding of some sequences of tokens.
final class TextWorkload: Workload {
    let specification: Case
    private let encoder: any TextEncoder

    var device: Device { encoder.parameters[0].parameter.value.device }

    init(_ specification: Case, _ encoder: any TextEncoder) {
        self.specification = specification
        self.encoder = encoder
    }

    /// Sequences of 77 tokens that the other side has too.
    static func ids(_ count: Int) -> [[Int]] {
        (0..<count).map { row in (0..<77).map { (row * 77 + $0) * 7919 % 49000 } }
    }

    private func compute() -> Tensor {
        encoder(Self.ids(specification.batch), layer: .last, isPooled: false).tokens  // (N, 77, D)
    }

    func run(_ steps: Int) { for _ in 0..<steps { _ = compute() } }

    func errors(in directory: String) throws -> [String: Double] {
        ["output": try Exchange(directory).error(compute().array(), "output")]
    }
}
