public import TensorCore

#if canImport(Glibc)
    internal import Glibc
#endif

/// Sinusoidal features of a timestep (Vaswani et al. 2017, section 3.5; Ho et al. 2020, appendix B).
///
/// Frequencies fall geometrically from 1 to 1 / `maximumPeriod` over half the size. `downscaleFrequencyShift` says whether the
/// last is reached exactly (1) or one step later (0).
public struct SinusoidalEmbedding: Sendable {
    public var size: Int
    public var cosinesFirst: Bool
    public var downscaleFrequencyShift: Float
    public var maximumPeriod: Float

    public init(
        _ size: Int, cosinesFirst: Bool = false, downscaleFrequencyShift: Float = 1, maximumPeriod: Float = 10_000
    ) {
        self.size = size
        self.cosinesFirst = cosinesFirst
        self.downscaleFrequencyShift = downscaleFrequencyShift
        self.maximumPeriod = maximumPeriod
    }

    /// (timesteps.count, size).
    ///
    /// The angle is rounded to a float where PyTorch rounds it: at t = 999 one rounding of the frequency is worth 6e-5 of
    /// the result. Sine and cosine of that angle are exact to the last bit.
    public func callAsFunction(_ timesteps: [Float], on device: Device) -> Tensor {
        let half = size / 2
        let exponent = -Float(log(Double(maximumPeriod)))
        let frequencies = (0..<half).map { index -> Float in
            let power = exponent * Float(index) / (Float(half) - downscaleFrequencyShift)
            return Float(exp(Double(power)))
        }
        var values = [Float](repeating: 0, count: timesteps.count * size)
        for (row, timestep) in timesteps.enumerated() {
            for (column, frequency) in frequencies.enumerated() {
                let angle = Double(timestep * frequency)
                let (first, second) = cosinesFirst ? (cos(angle), sin(angle)) : (sin(angle), cos(angle))
                values[row * size + column] = Float(first)
                values[row * size + half + column] = Float(second)
            }
        }
        return Tensor(values, shape: [timesteps.count, size], on: device)
    }
}
