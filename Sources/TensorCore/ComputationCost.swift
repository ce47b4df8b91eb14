/// What a computation takes, found by going through it on a device that computes nothing.
public struct ComputationCost: Sendable, Hashable {
    /// Bytes that its tensors occupy at most.
    public var memory: Int
    /// In the units of `Device.rehearsedWork`.
    public var work: Int

    public init(memory: Int, work: Int) {
        self.memory = memory
        self.work = work
    }
}
