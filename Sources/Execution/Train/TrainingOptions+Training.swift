internal import Configurations
internal import TensorCore

extension LossConfiguration {
    /// The distance between what a model predicts and what it should.
    var distance: Loss {
        switch loss {
        case .mse: .meanSquared
        case .l1: .meanAbsolute
        case .huber: .smoothL1(delta: Float(huberDelta))
        }
    }
}
