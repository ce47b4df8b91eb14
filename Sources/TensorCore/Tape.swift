/// Records what is computed from tracked tensors and walks it backward (reverse-mode differentiation).
///
/// A tape is a flat list; a node names its inputs by position, so walking back is one pass from the end. It serves one
/// forward and one backward pass: the latter releases each saved activation as soon as its node is done.
public final class Tape {
    struct Node {
        let work: Work
        /// Positions of the tracked inputs; nil where an input is a constant.
        let inputs: [Int?]
        /// What the gradient rule needs of the forward pass.
        var saved: [Saved]
    }

    /// What a node keeps of a tensor.
    enum Saved {
        /// The tensor, off the tape.
        case tensor(Tensor)
        /// Where it came from, for the result of a node that a pass over memory computes again from what it keeps anyway; in the
        /// shape that it had. A norm's or activation's result would otherwise take as much memory as its input.
        case result(of: Int, shape: Shape)
    }

    /// How a node's result came about.
    enum Work {
        case operation(Operation)
        /// A part of the computation that was not recorded; it is computed again for its gradients.
        case segment(inputs: [Tensor], body: ([Tensor]) -> Tensor)
    }

    private var nodes: [Node] = []
    /// The newest result that was computed again: layers that read the same one follow each other.
    private var repeated: (node: Int, result: Tensor)?
    /// Where the gradients of leaves go, by position.
    private var targets: [Int: GradientTarget] = [:]

    /// Whether only the inputs of `Tensor.recomputable` parts are kept.
    private let recomputes: Bool
    /// Whether what is computed is recorded.
    private(set) var isRecording = true

    /// - Parameter recomputes: whether parts of the computation that are marked `Tensor.recomputable` keep their inputs only and
    ///   are computed again on the way back: less memory for more time, and the same bits.
    public init(recomputes: Bool = false) { self.recomputes = recomputes }

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
        return append(Node(work: .operation(.leaf), inputs: [], saved: []), result: tensor)
    }

    /// Operations whose rule computed a gradient that was not wanted: none, if the rules are right.
    package private(set) var wasteful: [Operation.Kind] = []

    /// What has been recorded so far, in its order.
    package var recordedKinds: [Operation.Kind] {
        nodes.compactMap { if case .operation(let operation) = $0.work { operation.kind } else { nil } }
    }

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
        walkBack(from: variable.node, to: 0, &gradients)
        for target in targets.values where !target.adds && !target.isTaken { target.tensor.clear() }
        repeated = nil
        nodes = []
        targets = [:]
    }

    /// Takes the gradients of the nodes `last` down to `first` to their inputs.
    private func walkBack(from last: Int, to first: Int, _ gradients: inout [Tensor?]) {
        for position in stride(from: last, through: first, by: -1) {
            if repeated?.node == position { repeated = nil }
            guard let gradient = gradients[position] else { continue }
            gradients[position] = nil
            if targets[position] != nil {
                targets[position]?.take(gradient)
                continue
            }
            let node = nodes[position]
            nodes[position].saved = []
            switch node.work {
            case .operation(let operation):
                let inputGradients = operation.gradients(
                    gradient, saved: node.saved.map(tensor), wanted: node.inputs.map { $0 != nil },
                    targets: node.inputs.map { input in input.flatMap { targets[$0]?.lend() } })
                for (input, inputGradient) in zip(node.inputs, inputGradients) {
                    guard let inputGradient else { continue }
                    if let input {
                        add(inputGradient, at: input, to: &gradients)
                    } else {
                        wasteful.append(operation.kind)
                    }
                }
            case .segment(let inputs, let body):
                nodes[position] = Node(work: .operation(.leaf), inputs: [], saved: [])
                walkBack(throughSegment: body, zip(inputs, node.inputs).map(placed), gradient, &gradients)
            }
        }
    }

    /// Computes a segment again, this time recorded behind all other nodes and from the same places, so that gradients are
    /// added up in the order of a recording without segments.
    private func walkBack(
        throughSegment body: ([Tensor]) -> Tensor, _ inputs: [Tensor], _ gradient: Tensor, _ gradients: inout [Tensor?]
    ) {
        let count = nodes.count
        guard let result = body(inputs).variable else { return }
        gradients += [Tensor?](repeating: nil, count: nodes.count - count)
        add(gradient, at: result.node, to: &gradients)
        walkBack(from: nodes.count - 1, to: count, &gradients)
        nodes.removeLast(nodes.count - count)
        gradients.removeLast(gradients.count - count)
    }

    /// What a node keeps of a tensor that its operation read or made.
    fileprivate func kept(_ tensor: Tensor) -> Saved {
        guard var node = tensor.variable?.node else { return .tensor(tensor) }
        // Another shape of the same elements.
        while case .operation(.reshape) = nodes[node].work, let input = nodes[node].inputs[0] { node = input }
        guard case .operation(let operation) = nodes[node].work, operation.isRepeatable else {
            return .tensor(tensor.detached)
        }
        return .result(of: node, shape: tensor.shape)
    }

    private func tensor(_ saved: Saved) -> Tensor {
        switch saved {
        case .tensor(let tensor): return tensor
        case .result(let node, let shape):
            if let repeated, repeated.node == node { return repeated.result.reshaped(to: shape) }
            guard case .operation(let operation) = nodes[node].work else {
                preconditionFailure("only an operation's result is computed again")
            }
            let result = operation.repeated(saved: nodes[node].saved.map(tensor))
            repeated = (node, result)
            return result.reshaped(to: shape)
        }
    }

    private func add(_ gradient: Tensor, at position: Int, to gradients: inout [Tensor?]) {
        guard var sum = gradients[position].take() else {
            gradients[position] = gradient
            return
        }
        if sum.isSoleOwner() {
            sum.accumulate(gradient)
            gradients[position] = sum
        } else {
            gradients[position] = sum + gradient
        }
    }

    /// `tensor` as the result of node `position`, if that is one.
    private func placed(_ tensor: Tensor, at position: Int?) -> Tensor {
        var placed = tensor
        placed.variable = position.map { Tensor.Variable(tape: self, node: $0) }
        return placed
    }

    /// What `body` computes, recorded as one node if this tape recomputes.
    fileprivate func segment(_ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor) -> Tensor {
        guard recomputes, isRecording else { return body(inputs) }
        isRecording = false
        let result = body(inputs).detached
        isRecording = true
        let work = Work.segment(inputs: inputs.map(\.detached), body: body)
        return append(Node(work: work, inputs: inputs.map { $0.variable?.node }, saved: []), result: result)
    }
}

extension Tensor {
    /// `body(inputs)`, a part of a network that a tape may compute again rather than keep what its gradients need (Chen et al.
    /// 2016): it must compute the same when it is called a second time.
    public static func recomputable(_ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor) -> Tensor {
        guard let tape = inputs.lazy.compactMap({ $0.variable?.tape }).first else { return body(inputs) }
        return tape.segment(inputs, body)
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
        guard let tape = inputs.lazy.compactMap({ $0.variable?.tape }).first, tape.isRecording else { return self }
        let positions = inputs.map { input -> Int? in
            guard let variable = input.variable else { return nil }
            precondition(variable.tape === tape, "the inputs were recorded on different tapes")
            return variable.node
        }
        let node = Tape.Node(work: .operation(operation()), inputs: positions, saved: saved().map(tape.kept))
        return tape.append(node, result: self)
    }
}
