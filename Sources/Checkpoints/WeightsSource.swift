/// Where the weights of a pipeline's part lie.
enum WeightsSource: Sendable {
    /// The part's own directory; the files of a variant where it has them.
    case directory(String, variant: String?)
    /// A file that holds other parts too.
    case file(String, TensorNames)

    /// - Throws: `missing` when there are none.
    func weights() throws -> Weights {
        switch self {
        case .directory(let path, let variant): try Weights(path, variant: variant)
        case .file(let path, let names):
            Weights(file: path, remedy: "The file must hold a whole model: download it again.", names: names)
        }
    }
}
