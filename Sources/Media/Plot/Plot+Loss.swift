extension Plot {
    /// A training's loss over its steps on a logarithmic axis: each value faint, their running mean strong, and the
    /// validation loss, if there is one, over both.
    public static func loss(_ title: String, training: [Point], validation: [Point] = []) -> Plot {
        let smooth = smoothed(training, window: max(1, Double(training.count) / 50))
        var series = [
            Series(as: .line(width: 1), points: training, colour: .blue, opacity: 0.25),
            Series("training", as: .line(width: 2), points: smooth, colour: .blue),
        ]
        if !validation.isEmpty {
            series.append(Series("validation", as: .line(width: 2), points: validation, colour: .orange))
        }
        var plot = Plot(title, yScale: .logarithmic, series: series)
        (plot.xLabel, plot.yLabel) = ("step", "loss")
        return plot
    }

    /// The exponential running mean of the finite values over about `window` points, corrected for its start.
    public static func smoothed(_ points: [Point], window: Double) -> [Point] {
        let keep = 1 - 1 / max(window, 1)
        var (sum, weight) = (0.0, 0.0)
        return points.filter(\.isFinite).map { point in
            sum = keep * sum + point.y
            weight = keep * weight + 1
            return Point(point.x, sum / weight)
        }
    }
}
