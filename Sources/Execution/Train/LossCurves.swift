internal import Checkpoints
internal import Media

/// The losses of a training as a plot, `outputs/loss.png` and `outputs/loss.svg`.
struct LossCurves {
    private let record: TrainingRecord

    /// Of the losses beside the one that is minimized.
    private static let colours: [Colour] = [.green, .ink, .grey]

    init(_ record: TrainingRecord) { self.record = record }

    /// Writes the plot, once there are losses.
    func write(title: String, _ context: JobContext) throws {
        guard let total = record.losses.first, !total.points.isEmpty else { return }
        var plot = Plot.loss(
            title, training: Self.points(total), validation: record.validationLosses.first.map(Self.points) ?? [])
        for (index, curve) in record.losses.dropFirst().enumerated() {
            let points = Self.points(curve)
            plot.series.append(
                Plot.Series(
                    curve.name, as: .line(width: 1.6),
                    points: Plot.smoothed(points, window: max(1, Double(points.count) / 50)),
                    colour: Self.colours[index % Self.colours.count]))
        }
        try context.write(PNG.encode(plot.image()), to: context.output("loss.png"))
        try context.write(plot.svg(), to: context.output("loss.svg"))
    }

    private static func points(_ curve: TrainingRecord.Curve) -> [Point] {
        curve.points.map { Point(Double($0.step), $0.loss) }
    }
}
