public import NeuralNet
public import TensorCore
public import TestSupport

extension Fixture.Tensor {
    /// As it stands: PyTorch's order.
    public func asStored(on device: Device) -> Tensor { Tensor(values, shape: Shape(shape), on: device) }

    /// Images (N, C, H, W) as (N, H, W, C), tensors of other ranks as they stand.
    public func channelsLast(on device: Device) -> Tensor { asStored(on: device).channelsLast }
}

extension Fixture.Case {
    /// A tensor of the case, images channels-last.
    public func tensor(_ name: String, on device: Device) throws -> Tensor {
        try tensor(name).channelsLast(on: device)
    }
}

extension Module {
    /// Loads the parameters of this module, all of them and nothing else, from tensors under their dotted names.
    public func load(_ tensors: [String: Fixture.Tensor]) throws {
        var rest = tensors
        for (name, parameter) in parameters {
            guard let tensor = rest.removeValue(forKey: name) else { throw MissingParameter(name: name) }
            parameter.load(fileOrder: tensor.asStored(on: parameter.device))
        }
        if let extra = rest.keys.min() { throw ExtraParameter(name: extra) }
    }
}

public struct MissingParameter: Error { public let name: String }
public struct ExtraParameter: Error { public let name: String }

/// max |a - b| / max |b|.
public func relativeError(_ a: Tensor, _ b: Tensor) -> Double {
    precondition(a.shape == b.shape, "\(a.shape) and \(b.shape) are not comparable")
    return relativeError(a.array(), b.array())
}

/// Whether two arrays are the same bit for bit: 0 and -0 differ, and so do two NaNs with different payloads.
public func haveSameBits(_ a: [Float], _ b: [Float]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern }
}
