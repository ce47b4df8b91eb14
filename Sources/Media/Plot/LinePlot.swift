import Glibc

/// Curves over a common axis, such as the loss over the steps of a training.
public struct LinePlot: Sendable {
    /// One curve.
    public struct Series: Sendable {
        /// Shown in the legend; none when empty.
        public var name: String
        /// In the order in which the line joins them. The line breaks at a point that is not finite.
        public var points: [Point]
        public var colour: Colour
        /// In pixels.
        public var width: Double
        public var opacity: Double

        public init(_ name: String = "", points: [Point], colour: Colour, width: Double = 1.6, opacity: Double = 1) {
            self.name = name
            self.points = points
            self.colour = colour
            self.width = width
            self.opacity = opacity
        }
    }

    public var title: String
    public var xLabel: String
    public var yLabel: String
    /// Whether the y axis is logarithmic; values that are not positive then break the line.
    public var logarithmic: Bool
    /// Drawn in this order.
    public var series: [Series]

    public init(
        title: String = "", xLabel: String = "", yLabel: String = "", logarithmic: Bool = false, series: [Series]
    ) {
        self.title = title
        self.xLabel = xLabel
        self.yLabel = yLabel
        self.logarithmic = logarithmic
        self.series = series
    }

    /// A training's loss over its steps on a logarithmic axis: each value faint, their running mean strong, and the validation
    /// loss, if there is one, over both.
    public static func loss(_ title: String, training: [Point], validation: [Point] = []) -> LinePlot {
        let smooth = smoothed(training, window: max(1, Double(training.count) / 50))
        var series = [
            Series(points: training, colour: .blue, width: 1, opacity: 0.25),
            Series("training", points: smooth, colour: .blue, width: 2),
        ]
        if !validation.isEmpty { series.append(Series("validation", points: validation, colour: .orange, width: 2)) }
        return LinePlot(title: title, xLabel: "step", yLabel: "loss", logarithmic: true, series: series)
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

    /// The plot as an RGB image.
    public func image(width: Int = 800, height: Int = 480) -> Image {
        let points = series.flatMap(\.points)
        let yScale = logarithmic ? Axis.Scale.logarithmic : .linear
        let plot = PlotFrame(
            title: title, xLabel: xLabel, yLabel: yLabel, x: Axis(holding: points.map(\.x), margin: 0.02),
            y: Axis(holding: points.map(\.y), scale: yScale, margin: 0.06))
        var canvas = Canvas(width: width, height: height)
        let frame = plot.draw(on: &canvas)
        for series in series {
            let line = series.points.map { plot.place($0, in: frame) }
            canvas.polyline(line, width: series.width, series.colour, opacity: series.opacity, within: frame)
        }
        plot.drawLegend(series.map { ($0.name, $0.colour) }, on: &canvas, in: frame)
        return canvas.image
    }
}
