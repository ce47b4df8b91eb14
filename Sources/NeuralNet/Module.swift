public import TensorCore

/// A part of a network that has parameters.
public protocol Module {
    /// Shows every parameter to `visitor` under the name that the checkpoint gives it, always in the same order.
    func visit(_ visitor: inout ParameterVisitor)
}

/// Walks a network's parameters and puts their dotted names together.
///
/// A module shows its own parameters and its parts by name; nothing is found by reflection:
///
///     visitor("conv1", conv1)
///     visitor("weight", weight)
public struct ParameterVisitor {
    private var prefix = ""
    private let body: (String, Parameter) -> Void

    init(_ body: @escaping (String, Parameter) -> Void) { self.body = body }

    /// A parameter of this module.
    public mutating func callAsFunction(_ name: String, _ parameter: Parameter?) {
        guard let parameter else { return }
        body(prefix + name, parameter)
    }

    /// A part of this module; nil where the configuration leaves it out.
    public mutating func callAsFunction(_ name: String, _ part: (any Module)?) {
        guard let part else { return }
        let outer = prefix
        prefix += name + "."
        part.visit(&self)
        prefix = outer
    }

    /// Parts that are numbered from 0: `name.0`, `name.1`, ...
    public mutating func callAsFunction(_ name: String, _ parts: [any Module]) {
        for (index, part) in parts.enumerated() { self("\(name).\(index)", part) }
    }
}

extension Module {
    /// Every parameter with its dotted name, in visiting order.
    public var parameters: [(name: String, parameter: Parameter)] {
        var result: [(String, Parameter)] = []
        var visitor = ParameterVisitor { result.append(($0, $1)) }
        visit(&visitor)
        return result
    }

    /// The number of trainable numbers.
    public var parameterCount: Int {
        parameters.reduce(0) { $1.parameter.isTrainable ? $0 + $1.parameter.shape.elementCount : $0 }
    }

    /// The name of the first parameter that holds NaN or infinity; nil where none does.
    public var nonFiniteParameter: String? { parameters.first { !$0.parameter.value.isFinite }?.name }

    /// Gives parameters their first values, each a function of the seed, the parameter's number and its shape.
    ///
    /// - Parameters:
    ///   - selection: the parameters that are initialized.
    ///   - format: of weights; nil for 32 bits, which training needs.
    public func initialize(
        seed: UInt64, selecting selection: ParameterSelection = .all, keeping format: HalfTensor.Format? = nil
    ) {
        for (number, entry) in parameters.enumerated() where selection.contains(entry.name) {
            entry.parameter.initialize(seed: seed, number: number, keeping: format)
        }
    }
}
