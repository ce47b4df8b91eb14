internal import DurableFiles
internal import Models
internal import Problems

extension Component {
    /// A network that is loaded from `weights` when its phase begins, more than once where phases alternate.
    ///
    /// - Throws: `invalid`, when it is loaded, where the files were changed since.
    convenience init(
        of phases: Phases, _ weights: Weights, _ load: @escaping () throws -> Network
    ) throws {
        let state = try weights.state()
        self.init(of: phases) {
            guard try weights.state() == state else {
                throw Problem(
                    .invalid, "the weights were changed while the job ran",
                    remedy: "Submit the job again, and leave the model alone until it has ended.", file: weights.path)
            }
            return try load()
        }
    }
}
