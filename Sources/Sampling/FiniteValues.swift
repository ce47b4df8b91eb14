public import NeuralNet
public import Problems
public import TensorCore

extension Module {
    /// Looks at what this network has made.
    ///
    /// - Parameter what: the values, as "the latents".
    /// - Throws: `numerical` where some are NaN or infinite, with their share, and the parameter that is so itself where
    ///   there is one.
    public func checkFinite(_ values: Tensor, _ what: @autoclosure () -> String) throws(Problem) {
        guard !values.device.isRehearsal, !values.isFinite else { return }
        let numbers = values.array()
        let percent = 100 * Double(numbers.count { !$0.isFinite }) / Double(numbers.count)
        // One of many values must not read as none.
        let share = percent < 1 ? "less than 1" : "\(Int(percent))"
        let message = "\(share) % of \(what()) are NaN or infinite"
        guard let name = nonFiniteParameter else {
            throw Problem(
                .numerical, message,
                remedy:
                    "Use the noise schedule and prediction type that the model was trained with, or another sampler.")
        }
        throw Problem(
            .numerical, message + ", and so are some of the network's weights \(name)",
            remedy: "Fetch or train the model again: its weights are spoilt.", path: "$.model")
    }
}
