public import TensorCore

extension NoiseSchedule {
    /// x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise (Ho et al. 2020, equation 4).
    ///
    /// - Parameters:
    ///   - x0: (N, ...).
    ///   - noise: standard normal, shaped as `x0`.
    ///   - timesteps: N of them, each in `0..<count`.
    public func addNoise(_ x0: Tensor, _ noise: Tensor, at timesteps: [Int]) -> Tensor {
        column(timesteps, like: x0, signal) * x0 + column(timesteps, like: x0, self.noise) * noise
    }

    /// v_t = sqrt(abar_t) noise - sqrt(1 - abar_t) x_0 (Salimans & Ho 2022). Shapes as in `addNoise`.
    public func velocity(_ x0: Tensor, _ noise: Tensor, at timesteps: [Int]) -> Tensor {
        column(timesteps, like: x0, signal) * noise - column(timesteps, like: x0, self.noise) * x0
    }

    /// `value(t)` for each sample, (N, 1, ...), to be stretched over `x` (N, ...).
    func column(_ timesteps: [Int], like x: Tensor, _ value: (Int) -> Double) -> Tensor {
        precondition(timesteps.count == x.shape[0], "one timestep for each sample")
        var shape = x.shape
        for axis in 1..<shape.rank { shape[axis] = 1 }
        return Tensor(timesteps.map { Float(value($0)) }, shape: shape, on: x.device)
    }
}
