package import NeuralNet
package import TensorCore

/// A network some of whose numbers follow from its configuration. It saves none of them, but files of other programs may hold
/// them, and then they must be the same.
package protocol HoldsConstants: Module {
    /// As a file has them: named like parameters, in PyTorch's order.
    var constants: [(name: String, value: Tensor)] { get }
}
