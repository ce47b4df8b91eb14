internal import Checkpoints
internal import Media

/// The losses of a training as a plot, `outputs/loss.png`.
struct LossCurves {
    private let record: TrainingRecord

    /// Of the losses beside the one that is minimized.
    private static let colours: [Colour] = [.green, .ink, .grey]

    init(_ record: TrainingRecord) { self.record = record }

    /// Writes the plot, once there are losses.
    func write(title: String, _ context: JobContext) throws {
        guard let total = record.losses.first, !total.points.isEmpty else { return }
        var plot = LinePlot.loss(
            title, training: Self.points(total), validation: record.validationLosses.first.map(Self.points) ?? [])
        for (index, curve) in record.losses.dropFirst().enumerated() {
            let points = Self.points(curve)
            plot.series.append(
                LinePlot.Series(
                    curve.name, points: LinePlot.smoothed(points, window: max(1, Double(points.count) / 50)),
                    colour: Self.colours[index % Self.colours.count]))
        }
        try context.write(PNG.encode(plot.image()), to: context.output("loss.png"))
    }

    private static func points(_ curve: TrainingRecord.Curve) -> [Point] {
        curve.points.map { Point(Double($0.step), $0.loss) }
    }
}
