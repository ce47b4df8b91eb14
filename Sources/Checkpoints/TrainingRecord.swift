/// A value of one of a training's losses.
public struct NamedLoss: Sendable, Hashable {
    public var name: String
    public var value: Double

    public init(_ name: String, _ value: Double) {
        self.name = name
        self.value = value
    }
}

/// The part of a training's state that is not tensors.
public struct TrainingRecord: Sendable, Codable, Hashable {
    /// A value of a loss after some steps.
    public struct Point: Sendable, Codable, Hashable {
        public var step: Int
        public var loss: Double

        public init(step: Int, loss: Double) {
            self.step = step
            self.loss = loss
        }
    }

    /// How one loss went.
    public struct Curve: Sendable, Codable, Hashable {
        public var name: String
        public var points: [Point]

        public init(_ name: String, points: [Point] = []) {
            self.name = name
            self.points = points
        }
    }

    /// Multiplies the learning rate; halved with each return from NaN.
    public var learningRateScale = 1.0
    /// How often the training went back after NaN or infinity.
    public var recoveries = 0
    /// Logged losses, each point the mean since the one before. The first loss is the one that is minimized.
    public var losses: [Curve] = []
    /// The losses of the steps since the last point, in the order of `losses`.
    public var pending: [[Double]] = []
    /// The first one decides which state is the best.
    public var validationLosses: [Curve] = []
    /// The saved state with the lowest validation loss so far.
    public var best: Point?

    public init() {}

    /// Adds the losses of a step, which are the same ones in every step.
    public mutating func add(_ losses: [NamedLoss]) {
        if self.losses.isEmpty { self.losses = losses.map { Curve($0.name) } }
        if pending.isEmpty { pending = losses.map { _ in [] } }
        for index in losses.indices { pending[index].append(losses[index].value) }
    }

    /// Makes a point of the mean of the losses since the last one, and returns the means.
    public mutating func log(step: Int) -> [NamedLoss] {
        for index in pending.indices {
            let mean = pending[index].reduce(0, +) / Double(pending[index].count)
            losses[index].points.append(Point(step: step, loss: mean))
        }
        pending = []
        return losses.compactMap { curve in curve.points.last.map { NamedLoss(curve.name, $0.loss) } }
    }

    /// Adds the validation losses after a step.
    public mutating func addValidation(_ losses: [NamedLoss], step: Int) {
        if validationLosses.isEmpty { validationLosses = losses.map { Curve($0.name) } }
        for index in losses.indices {
            validationLosses[index].points.append(Point(step: step, loss: losses[index].value))
        }
    }
}
