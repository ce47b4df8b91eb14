/// Records what is computed from tracked tensors and walks it backward (reverse-mode differentiation).
///
/// A tape is a flat list; a node names its inputs by position, so walking back is one pass from the end. It serves one
/// forward and one backward pass: the latter lets go of each saved activation as soon as its node is done.
public final class Tape {
    struct Node {
        let operation: Operation
        /// Positions of the tracked inputs; nil where an input is a constant.
        let inputs: [Int?]
        /// What the gradient rule needs of the forward pass, off the tape.
        var saved: [Tensor]
    }

    private var nodes: [Node] = []
    /// Where the gradients of leaves go, by position.
    private var targets: [Int: GradientTarget] = [:]

    public init() {}

    /// Tracks `tensor`: what is computed from the result is recorded here.
    ///
    /// - Parameter gradient: of the same shape; `backward` adds the tensor's gradient to it. The caller zeroes it.
    public func leaf(_ tensor: Tensor, addingGradientTo gradient: Tensor) -> Tensor {
        leaf(tensor, GradientTarget(tensor: gradient, adds: true))
    }

    /// Tracks `tensor` as above, but `backward` overwrites `gradient`, also where the gradient is zero.
    public func leaf(_ tensor: Tensor, storingGradientIn gradient: Tensor) -> Tensor {
        leaf(tensor, GradientTarget(tensor: gradient, adds: false))
    }

    private func leaf(_ tensor: Tensor, _ target: GradientTarget) -> Tensor {
        precondition(tensor.shape == target.tensor.shape, "a gradient has the shape of its tensor")
        targets[nodes.count] = target
        return append(Node(operation: .leaf, inputs: [], saved: []), result: tensor)
    }

    /// What has been recorded so far, in its order.
    package var recordedKinds: [Operation.Kind] { nodes.map(\.operation.kind) }

    func append(_ node: Node, result: Tensor) -> Tensor {
        nodes.append(node)
        var tracked = result
        tracked.variable = Tensor.Variable(tape: self, node: nodes.count - 1)
        return tracked
    }

    /// Adds d(`result`)/d(leaf) times `seed` to every leaf's gradient. Empties the tape.
    ///
    /// - Parameters:
    ///   - result: tracked by this tape.
    ///   - seed: the gradient of something with respect to `result`; 1 for a scalar loss when left out.
    public func backward(from result: Tensor, seed: Tensor? = nil) {
        guard let variable = result.variable else { return }
        precondition(variable.tape === self, "the result was recorded on another tape")
        let seed = seed ?? Tensor.ones(result.shape, on: result.device)
        precondition(seed.shape == result.shape, "a seed has the shape of its result")

        var gradients = [Tensor?](repeating: nil, count: nodes.count)
        gradients[variable.node] = seed
        for position in stride(from: variable.node, through: 0, by: -1) {
            guard let gradient = gradients[position] else { continue }
            gradients[position] = nil
            let node = nodes[position]
            nodes[position].saved = []
            if targets[position] != nil {
                targets[position]?.take(gradient)
                continue
            }
            let inputGradients = node.operation.gradients(
                gradient, saved: node.saved, wanted: node.inputs.map { $0 != nil },
                targets: node.inputs.map { input in input.flatMap { targets[$0]?.lend() } })
            for (input, inputGradient) in zip(node.inputs, inputGradients) {
                guard let input, let inputGradient else { continue }
                gradients[input] = gradients[input].map { $0 + inputGradient } ?? inputGradient
            }
        }
        for target in targets.values where !target.adds && !target.isTaken { target.tensor.clear() }
        nodes = []
        targets = [:]
    }
}

/// Memory of a leaf's gradient, which an operation may write itself.
private struct GradientTarget {
    let tensor: Tensor
    /// Whether the gradient is added to what is there.
    let adds: Bool
    /// Whether the gradient has come.
    private(set) var isTaken = false
    private var isLent = false

    init(tensor: Tensor, adds: Bool) {
        self.tensor = tensor
        self.adds = adds
    }

    /// The memory, for the first operation that asks, where nothing has to be kept.
    mutating func lend() -> Tensor? {
        guard !adds, !isLent else { return nil }
        isLent = true
        return tensor
    }

    mutating func take(_ gradient: Tensor) {
        isTaken = true
        if adds {
            tensor.accumulate(gradient)
        } else if gradient.pointer != tensor.pointer {
            tensor.overwrite(with: gradient)
        }
    }
}

extension Tensor {
    /// Records that this tensor is the result of `operation`, if any of `inputs` is tracked.
    func recorded(
        _ operation: @autoclosure () -> Operation, inputs: [Tensor], saving saved: @autoclosure () -> [Tensor]
    ) -> Tensor {
        guard let tape = inputs.lazy.compactMap({ $0.variable?.tape }).first else { return self }
        let positions = inputs.map { input -> Int? in
            guard let variable = input.variable else { return nil }
            precondition(variable.tape === tape, "the inputs were recorded on different tapes")
            return variable.node
        }
        let node = Tape.Node(operation: operation(), inputs: positions, saved: saved().map(\.detached))
        return tape.append(node, result: self)
    }
}
