import Configurations

extension JobSpec {
    /// Trainable numbers of the network that a training makes, and multiply-adds of one forward pass of one sample; nil where they
    /// are not known before it is built.
    public var cost: (parameters: Int, multiplyAdds: Double)? {
        guard case .train(let job) = self, let cost = job.model.cost else { return nil }
        return (cost.parameters, cost.multiplyAdds)
    }
}
