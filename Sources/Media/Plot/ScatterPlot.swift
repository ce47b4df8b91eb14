/// Points in the plane, one set over another, both axes to one scale.
public struct ScatterPlot: Sendable {
    /// A set of points that belong together.
    public struct Series: Sendable {
        /// Shown in the legend; none when empty.
        public var name: String
        public var points: [Point]
        public var colour: Colour
        /// In pixels.
        public var radius: Double
        /// 1 hides what lies below.
        public var opacity: Double

        public init(_ name: String = "", points: [Point], colour: Colour, radius: Double = 2, opacity: Double = 1) {
            self.name = name
            self.points = points
            self.colour = colour
            self.radius = radius
            self.opacity = opacity
        }
    }

    public var title: String
    /// Drawn in this order.
    public var series: [Series]
    /// The part of the plane that is shown; nil shows all points.
    public var xRange: ClosedRange<Double>?
    public var yRange: ClosedRange<Double>?

    public init(
        title: String = "", series: [Series], xRange: ClosedRange<Double>? = nil, yRange: ClosedRange<Double>? = nil
    ) {
        self.title = title
        self.series = series
        self.xRange = xRange
        self.yRange = yRange
    }

    /// The plot as an RGB image. Points that are not finite are left out.
    public func image(width: Int = 600, height: Int = 620) -> Image {
        let points = series.flatMap(\.points).filter(\.isFinite)
        let plot = PlotFrame(
            title: title, xLabel: "", yLabel: "",
            x: xRange.map { Axis($0) } ?? Axis(holding: points.map(\.x), margin: 0.05),
            y: yRange.map { Axis($0) } ?? Axis(holding: points.map(\.y), margin: 0.05), square: true)
        var canvas = Canvas(width: width, height: height)
        let frame = plot.draw(on: &canvas)
        for series in series {
            for point in series.points where point.isFinite {
                canvas.disc(
                    plot.place(point, in: frame), radius: series.radius, series.colour, opacity: series.opacity,
                    within: frame)
            }
        }
        plot.drawLegend(series.map { ($0.name, $0.colour) }, on: &canvas, in: frame)
        return canvas.image
    }
}
