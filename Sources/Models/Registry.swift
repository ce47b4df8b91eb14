public import Configurations
public import NeuralNet
public import TensorCore

/// A configuration from which its network is built. Every one of `Networks` is a `DenoiserBuilder` or a
/// `NetworkBuilder`, declared beside the network.
public protocol NetworkBuilder: NetworkConfiguration {
    associatedtype Network: Module

    /// The network, its parameters not yet initialized or loaded.
    func makeNetwork(on device: Device) -> Network
    /// Whether files may hold a tensor of this name that the network has no use for.
    static func ignores(tensor name: String) -> Bool
}

extension NetworkBuilder {
    public static func ignores(tensor name: String) -> Bool { false }
}

/// A configuration from which a denoiser is built.
public protocol DenoiserBuilder: DenoiserConfiguration {
    /// The network, its parameters not yet initialized or loaded.
    ///
    /// - Parameter numTrainTimesteps: T of the noise schedule, for networks that see the timestep as a fraction of it.
    func makeDenoiser(numTrainTimesteps: Int, on device: Device) -> any Denoiser
    /// The parts of a condition that the network takes.
    var conditionParts: Condition.Parts { get }
}

extension DenoiserBuilder {
    public var conditionParts: Condition.Parts { classConditioning == .none ? [] : .classes }
}

extension ModelConfiguration {
    private var builder: any DenoiserBuilder {
        guard let builder = network as? any DenoiserBuilder else {
            preconditionFailure("nothing in Models builds a \(network.className)")
        }
        return builder
    }

    /// The network, its parameters not yet initialized or loaded.
    ///
    /// - Parameter numTrainTimesteps: T of the noise schedule, for networks that see the timestep as a fraction of it.
    public func makeModel(numTrainTimesteps: Int, on device: Device) -> any Denoiser {
        builder.makeDenoiser(numTrainTimesteps: numTrainTimesteps, on: device)
    }

    /// The parts of a condition that the network takes.
    public var conditionParts: Condition.Parts { builder.conditionParts }

    /// The condition of a sample of no class in particular; nil for a network that was not trained with such.
    public var unconditional: Condition? {
        network.classConditioning.nullClass.map { Condition(classes: [$0]) }
    }
}
