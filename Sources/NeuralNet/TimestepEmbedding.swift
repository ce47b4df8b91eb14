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

/// Random Fourier features of a timestep's logarithm (Tancik et al. 2020; Song et al. 2021, appendix G): sines, then cosines, of
/// 2 pi log(t) w with frequencies w that are drawn once and never trained.
public final class FourierEmbedding: Module {
    /// The frequencies (size / 2).
    public let weight: Parameter

    /// - Parameters:
    ///   - size: of the result, even.
    ///   - deviation: of the frequencies.
    public init(_ size: Int, deviation: Float, on device: Device) {
        weight = Parameter([size / 2], .normal(deviation: deviation), isTrainable: false, on: device)
    }

    public func visit(_ visitor: inout ParameterVisitor) { visitor("weight", weight) }

    /// (timesteps.count, size). The angle is rounded to a float where PyTorch rounds it; a timestep of 0 has no logarithm
    /// and gives NaN.
    public func callAsFunction(_ timesteps: [Float]) -> Tensor {
        let frequencies = weight.value.array()
        let angles = timesteps.map { timestep in
            let logarithm = Float(log(Double(timestep)))
            return frequencies.map { Double(logarithm * $0 * 2 * Float.pi) }
        }
        return Tensor(
            angles.flatMap { row in row.map { Float(sin($0)) } + row.map { Float(cos($0)) } },
            shape: [timesteps.count, 2 * frequencies.count], on: weight.device)
    }
}
