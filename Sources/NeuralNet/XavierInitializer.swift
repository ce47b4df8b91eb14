extension Initializer {
    /// Uniform with the variance 2 / (inputs + outputs), which keeps that of activations and gradients (Glorot & Bengio 2010).
    public static func xavier(_ inputs: Int, _ outputs: Int) -> Initializer {
        .uniform(bound: (6 / Float(inputs + outputs)).squareRoot())
    }
}
