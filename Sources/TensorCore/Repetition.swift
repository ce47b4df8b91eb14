internal import CKernels

/// Results that are not kept for the backward pass but computed again there, by one pass over what the operation keeps for its own
/// gradient: the norms and activations before convolutions and linear layers (after Rota Bulo et al. 2018, "In-place activated
/// batchnorm"). The bits are those of the forward pass.
extension Operation {
    /// Whether `repeated` gives the operation's result.
    var isRepeatable: Bool {
        switch self {
        case .groupNorm, .layerNorm, .layerNormModulated, .rmsNorm: true
        case .unary(let function): function.keepsInput
        case .linear(let parts, let activation): activation?.keepsInput == true && !parts.contains(.residual)
        default: false
        }
    }

    /// The result, from what `recorded(saving:)` was given.
    func repeated(saved s: [Tensor]) -> Tensor {
        switch self {
        case .groupNorm(let groups, let activation):
            GroupNorm.apply(
                s[0], weight: s[1], bias: s[2], statistics: s[3], groups: groups, activation: activation)
        case .layerNorm(let epsilon):
            LayerNorm.forward(
                s[0], weight: s.count > 2 ? s[2] : nil, bias: s.count > 3 ? s[3] : nil, epsilon: epsilon
            ).result
        case .layerNormModulated(let epsilon):
            Modulation.norm(s[0], shift: s[3], scale: s[2], epsilon: epsilon).result
        case .rmsNorm(let epsilon):
            RMSNorm.forward(s[0], weight: s.count > 2 ? s[2] : nil, epsilon: epsilon).result
        case .unary(let function): function.apply(s[0])
        case .linear(_, let activation?): activation.apply(s[2])
        default: preconditionFailure("\(kind) is not computed again")
        }
    }
}

extension Activation {
    /// Whether a product keeps what it is applied to, and not the result.
    var keepsInput: Bool { self != .relu }

    /// As in a product's epilogue.
    fileprivate func apply(_ x: Tensor) -> Tensor {
        let result = Tensor(uninitialized: x.shape, on: x.device)
        let columns = x.shape.last
        x.device.forEachRun(ofRows: x.elementCount / max(1, columns), columns: columns) { rows in
            let first = rows.lowerBound * columns
            ck_bias_activation(
                kernel, result.pointer + first, columns, nil, 0, x.pointer + first, columns, nil, nil, 0, rows.count,
                columns)
        }
        return result
    }
}
