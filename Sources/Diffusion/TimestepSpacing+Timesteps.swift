public import Configurations
public import Problems

extension SchedulerConfiguration.TimestepSpacing {
    /// Which of `0..<trained` timesteps a sampler of `count` steps visits, descending, as diffusers' DDPM and DDIM schedulers
    /// choose them (Lin et al. 2023, table 2).
    ///
    /// - Parameters:
    ///   - count: any number from 1 to `trained`; it need not divide it.
    ///   - trained: T.
    ///   - offset: added to each timestep of `leading`; the other spacings ignore it, as diffusers does.
    /// - Throws: a `Problem` if there are not that many timesteps, or the offset leads past the last.
    public func timesteps(_ count: Int, of trained: Int, offset: Int = 0) throws(Problem) -> [Int] {
        guard (1...max(trained, 1)).contains(count) else {
            throw Problem(
                .invalid, "\(count) sampling steps with a model of \(trained) timesteps",
                remedy: "Use 1 to \(trained) steps.")
        }
        switch self {
        case .leading:
            let stride = trained / count
            let last = (count - 1) * stride + offset
            guard offset >= 0, last < trained else {
                throw Problem(
                    .invalid, "steps_offset \(offset) leads to timestep \(last) of \(trained)",
                    remedy: "Use an offset of 0 to \(trained - 1 - (count - 1) * stride), or fewer steps.")
            }
            return (0..<count).reversed().map { $0 * stride + offset }
        case .linspace:
            guard count > 1 else { return [0] }
            let stride = Double(trained - 1) / Double(count - 1)
            return (0..<count).reversed().map { i in
                i == count - 1 ? trained - 1 : Int((Double(i) * stride).rounded(.toNearestOrEven))
            }
        case .trailing:
            // Rounding halves to even and taking the stride as the difference of the first two values matters for step
            // counts that do not divide T: it is what NumPy's arange does.
            let stride = Double(trained) - (Double(trained) - Double(trained) / Double(count))
            return (0..<count).map { i in
                Int((Double(trained) - Double(i) * stride).rounded(.toNearestOrEven)) - 1
            }
        }
    }
}
