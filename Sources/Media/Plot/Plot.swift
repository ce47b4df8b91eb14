/// Lines and points over two axes: one description, drawn to an image or to a vector graphic. The same plot gives the
/// same bytes with the same cairo and font.
public struct Plot: Sendable {
    /// Points that belong together.
    public struct Series: Sendable {
        /// How points are shown; lengths in pixels.
        public enum Mark: Sendable {
            /// A line from point to point, which breaks at a point that is not finite.
            case line(width: Double)
            /// A disc at each finite point.
            case discs(radius: Double)
        }

        /// Shown in the legend; none when empty.
        public var name: String
        public var mark: Mark
        public var points: [Point]
        public var colour: Colour
        /// 1 hides what lies below.
        public var opacity: Double

        public init(_ name: String = "", as mark: Mark, points: [Point], colour: Colour, opacity: Double = 1) {
            (self.name, self.mark, self.points, self.colour, self.opacity) = (name, mark, points, colour, opacity)
        }
    }

    /// The scale of the y axis; that of the x axis is linear.
    public enum Scale: Sendable {
        case linear
        /// Base 10; values that are not positive are not shown.
        case logarithmic
        /// Linear, with as many pixels to a unit as on the x axis.
        case equal
    }

    public var title: String
    public var xLabel = ""
    public var yLabel = ""
    public var yScale: Scale
    /// Drawn in this order.
    public var series: [Series]
    /// The part of the plane that is shown; nil shows all points.
    public var xRange: ClosedRange<Double>?
    public var yRange: ClosedRange<Double>?

    /// In pixels.
    public var size: (width: Int, height: Int)

    public init(_ title: String = "", yScale: Scale = .linear, series: [Series]) {
        (self.title, self.yScale, self.series) = (title, yScale, series)
        size = yScale == .equal ? (600, 620) : (800, 480)
    }

    /// The plot as an 8-bit RGB image.
    public func image() throws -> Image { try Canvas.image(width: size.width, height: size.height, draw) }

    /// The plot as an SVG file.
    public func svg() throws -> [UInt8] { try Canvas.svg(width: size.width, height: size.height, draw) }

    private func draw(on canvas: Canvas) {
        let plot = PlotFrame(of: self)
        let frame = plot.draw(on: canvas)
        canvas.clipped(to: frame) {
            for series in series {
                let points = series.points.map { plot.place($0, in: frame) }
                switch series.mark {
                case .line(let width):
                    canvas.polyline(Self.thinned(points), width: width, series.colour, opacity: series.opacity)
                case .discs(let radius):
                    for point in points {
                        canvas.disc(point, radius: radius, series.colour, opacity: series.opacity)
                    }
                }
            }
        }
        plot.drawLegend(on: canvas, in: frame)
    }

    /// Of consecutive points in the same half of a pixel's column the first, lowest, highest and last, in their order:
    /// the line looks the same, and many points make no large file (M4; Jugel et al. 2014, "M4: A
    /// Visualization-Oriented Time Series Data Aggregation"). Those that are not finite stay.
    private static func thinned(_ points: [Point]) -> [Point] {
        func column(_ index: Int) -> Double { points[index].isFinite ? (points[index].x * 2).rounded(.down) : .nan }
        var kept: [Point] = []
        var start = 0
        while start < points.count {
            let end = (start + 1..<points.count).first { column($0) != column(start) } ?? points.count
            let low = (start..<end).min { points[$0].y < points[$1].y } ?? start
            let high = (start..<end).max { points[$0].y < points[$1].y } ?? start
            kept += Set([start, low, high, end - 1]).sorted().map { points[$0] }
            start = end
        }
        return kept
    }
}
