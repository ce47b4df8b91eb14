public import NeuralNet
public import TensorCore
public import TestSupport

/// How far from a fixture's case we are: errors of the output and of gradients, each relative to the largest value.
///
/// A gradient that is 0 but for rounding, such as that of a key's bias, is measured by the largest of all gradients: no
/// gradient's scale is taken to be below a hundredth of it.
public struct Differences: Sendable {
    public var output = 0.0
    /// By the names of inputs and parameters.
    public var gradients: [String: Double] = [:]

    /// The gradient that is furthest off.
    public var worstGradient: (name: String, error: Double) {
        gradients.max { $0.value < $1.value }.map { ($0.key, $0.value) } ?? ("none", 0)
    }
}

extension Fixture.Case {
    /// Computes the case's output from `inputs` and the gradients of its sum weighted with the case's `cotangent`.
    ///
    /// - Parameters:
    ///   - inputs: the names of tensors.
    ///   - layout: turns a tensor of the fixture (inputs, output, cotangent and gradients alike) into ours.
    ///   - compute: gets the inputs by name; one that the case lacks is missing.
    public func differences(
        _ inputs: [String], on device: Device, layout: (Tensor) -> Tensor = \.channelsLast,
        compute: ([String: Tensor]) throws -> Tensor
    ) throws -> Differences {
        let tape = Tape()
        var leaves: [String: Tensor] = [:]
        var gradients: [String: Tensor] = [:]
        for name in inputs {
            guard let stored = tensors[name] else { continue }
            let value = layout(stored.asStored(on: device))
            let gradient = Tensor.zeros(value.shape, on: device)
            gradients[name] = gradient
            leaves[name] = tape.leaf(value, addingGradientTo: gradient)
        }
        let output = try compute(leaves)
        tape.backward(from: output, seed: layout(try tensor("cotangent").asStored(on: device)))
        let expected = try gradients.keys.map { ($0, layout(try tensor("grad_\($0)").asStored(on: device))) }
        return Differences(
            output: relativeError(output, layout(try tensor("output").asStored(on: device))),
            gradients: errors(of: gradients, from: Dictionary(uniqueKeysWithValues: expected)))
    }

    /// The same for a module with the case's weights, whose parameters' gradients are under `grad.`.
    ///
    /// - Parameter inputs: the tensors that the module is given; (N, C, H, W) become (N, H, W, C).
    public func differences(
        of module: some Module, _ inputs: [String], on device: Device, compute: ([String: Tensor]) throws -> Tensor
    ) throws -> Differences {
        try module.load(tensors(under: "weights."))
        let tape = Tape()
        let buffer = ParameterBuffer(module)
        buffer.track(on: tape)
        defer { buffer.untrack() }
        var gradients: [String: Tensor] = [:]
        var leaves: [String: Tensor] = [:]
        for name in inputs where tensors[name] != nil {
            let value = try tensor(name, on: device)
            let gradient = Tensor.zeros(value.shape, on: device)
            gradients[name] = gradient
            leaves[name] = tape.leaf(value, addingGradientTo: gradient)
        }
        let output = try compute(leaves)
        tape.backward(from: output, seed: try tensor("cotangent", on: device))
        var expected: [String: Tensor] = [:]
        for name in gradients.keys { expected[name] = try tensor("grad_\(name)", on: device) }
        for (name, parameter, range) in buffer.entries {
            gradients[name] = parameter.inFileOrder(
                buffer.gradients.sliced(axis: 0, range).reshaped(to: parameter.shape))
            expected[name] = try tensor("grad.\(name)").asStored(on: device)
        }
        return Differences(
            output: relativeError(output, try tensor("output", on: device)),
            gradients: errors(of: gradients, from: expected))
    }

    private func errors(of gradients: [String: Tensor], from expected: [String: Tensor]) -> [String: Double] {
        let scales = expected.mapValues { $0.array().reduce(0) { max($0, Double(abs($1))) } }
        let floor = 0.01 * (scales.values.max() ?? 0)
        return Dictionary(
            uniqueKeysWithValues: gradients.map { name, gradient in
                guard let other = expected[name], let scale = scales[name], other.shape == gradient.shape else {
                    return (name, .infinity)
                }
                let error = zip(gradient.array(), other.array()).reduce(0.0) { worst, pair in
                    pair.0.isFinite ? max(worst, abs(Double(pair.0) - Double(pair.1))) : .infinity
                }
                return (name, error == 0 ? 0 : error / max(scale, floor))
            })
    }
}

extension Tensor {
    /// (N, C, H, W) as (N, H, W, C), kernels (O, I, kH, kW) likewise; other ranks as they stand.
    public var channelsLast: Tensor { shape.rank == 4 ? permuted([0, 2, 3, 1]) : self }
}
