public import TensorCore

/// Classifier-free guidance (Ho & Salimans 2022): the model's outputs with and without the class, extrapolated.
public struct Guidance: Sendable, Hashable {
    /// w: 1 is the model with the class as it is, 0 the one without.
    public var scale: Double
    /// How much of the output's spread is brought back to that of the output with the class (Lin et al. 2023, section 3.4).
    public var rescale: Double
    /// Timesteps at which it acts (Kynkäänniemi et al. 2024).
    public var interval: ClosedRange<Double>

    public init(
        scale: Double, rescale: Double = 0, interval: ClosedRange<Double> = -Double.infinity...Double.infinity
    ) {
        self.scale = scale
        self.rescale = rescale
        self.interval = interval
    }

    /// Whether the model has to be asked twice at this timestep.
    public func acts(at timestep: Double) -> Bool { scale != 1 && interval.contains(timestep) }

    /// What is used in the place of the model's output.
    ///
    /// - Parameters:
    ///   - conditional: the output with the class, (N, ..., C).
    ///   - unconditional: the output with the null class, shaped alike.
    public func callAsFunction(_ conditional: Tensor, _ unconditional: Tensor) -> Tensor {
        let guided = unconditional + (conditional - unconditional) * Float(scale)  // (N, ..., C)
        guard rescale > 0 else { return guided }
        let factors = zip(conditional.deviations, guided.deviations).map { own, changed in
            changed > 0 ? Float(rescale * own / changed + 1 - rescale) : 1
        }
        var shape = guided.shape
        for axis in 1..<shape.rank { shape[axis] = 1 }
        return guided * Tensor(factors, shape: shape, on: guided.device)
    }
}

extension Tensor {
    /// The standard deviation of each sample's elements.
    fileprivate var deviations: [Double] {
        let count = shape[0]
        let size = elementCount / max(count, 1)
        return withSpan { values in
            (0..<count).map { n in
                let range = n * size..<(n + 1) * size
                let mean = range.reduce(0.0) { $0 + Double(values[$1]) } / Double(size)
                let squares = range.reduce(0.0) { $0 + (Double(values[$1]) - mean) * (Double(values[$1]) - mean) }
                return (squares / Double(size)).squareRoot()
            }
        }
    }
}
