internal import Problems

/// Where the weights of a pipeline's part lie.
enum WeightsSource: Sendable {
    /// The part's own directory; the files of a variant where it has them.
    case directory(String, variant: String?)
    /// A file that holds other parts too.
    case file(String, TensorNames)
    /// Nowhere: they are yet to be trained.
    case none

    /// - Throws: `missing` when there are none.
    func weights() throws -> Weights {
        switch self {
        case .directory(let path, let variant): return try Weights(path, variant: variant)
        case .file(let path, let names):
            return Weights(file: path, remedy: "The file must hold a whole model: download it again.", names: names)
        case .none: throw Problem(.internal, "weights that are yet to be trained were to be read")
        }
    }
}
