/// What a plot has around its data: title, axes with ticks and labels, a light grid, a legend.
struct PlotFrame {
    private let plot: Plot
    private let x: Axis
    private let y: Axis
    private let font = Font(size: 11)
    private let titleFont = Font(size: 14)

    init(of plot: Plot) {
        self.plot = plot
        let points = plot.series.flatMap(\.points).filter(\.isFinite)
        let scale = plot.yScale == .logarithmic ? Axis.Scale.logarithmic : .linear
        let (xMargin, yMargin) = plot.yScale == .equal ? (0.05, 0.05) : (0.02, 0.06)
        x = plot.xRange.map { Axis($0) } ?? Axis(holding: points.map(\.x), margin: xMargin)
        y = plot.yRange.map { Axis($0, scale: scale) } ?? Axis(holding: points.map(\.y), scale: scale, margin: yMargin)
    }

    /// Draws the frame and returns where the data go.
    func draw(on canvas: Canvas) -> Canvas.Frame {
        let xTicks = x.ticks(max(2, canvas.width / 110))
        let yTicks = y.ticks(max(2, canvas.height / (plot.yScale == .equal ? 110 : 70)))
        let frame = dataFrame(of: canvas, xTicks, yTicks)
        let capital = font.capitalHeight
        for tick in xTicks {
            let place = column(tick.value, in: frame)
            let ends = [Point(place, frame.top), Point(place, frame.bottom)]
            canvas.polyline(ends, width: 1, .rule, opacity: tick.label.isEmpty ? 0.5 : 1)
            canvas.text(tick.label, at: Point(place, frame.bottom + 8 + capital), font, anchor: .middle)
        }
        for tick in yTicks {
            let place = row(tick.value, in: frame)
            let ends = [Point(frame.left, place), Point(frame.right, place)]
            canvas.polyline(ends, width: 1, .rule, opacity: tick.label.isEmpty ? 0.5 : 1)
            canvas.text(tick.label, at: Point(frame.left - 8, place + capital / 2), font, anchor: .end)
        }
        canvas.outline(frame, width: 1, .grey)

        let (middle, width) = ((frame.left + frame.right) / 2, Double(canvas.width) - 16)
        // As near to the middle of the data as its length allows.
        let title = titleFont.fitted(plot.title, within: width)
        let half = titleFont.length(of: title) / 2
        let centre = min(max(middle, 8 + half), 8 + width - half)
        canvas.text(title, at: Point(centre, frame.top - 12), titleFont, anchor: .middle)
        canvas.text(plot.xLabel, at: Point(middle, frame.bottom + 20 + 2 * capital), font, anchor: .middle)
        let yMiddle = Point(8 + capital, (frame.top + frame.bottom) / 2)
        canvas.text(plot.yLabel, at: yMiddle, font, anchor: .middle, upwards: true)
        return frame
    }

    /// A swatch and a name for each named series, in the upper right corner of the data.
    func drawLegend(on canvas: Canvas, in frame: Canvas.Frame) {
        let named = plot.series.filter { !$0.name.isEmpty }
        guard let length = named.map({ font.length(of: $0.name) }).max() else { return }
        let (left, line) = (frame.right - length - 34, font.capitalHeight + 9)
        let bottom = frame.top + 15 + Double(named.count) * line
        canvas.fill(
            Canvas.Frame(left: left - 8, top: frame.top + 4, right: frame.right - 4, bottom: bottom), .white,
            opacity: 0.8)
        for (index, series) in named.enumerated() {
            let baseline = frame.top + 20 + Double(index) * line
            let middle = baseline - font.capitalHeight / 2
            canvas.polyline([Point(left, middle), Point(left + 12, middle)], width: 4, series.colour)
            canvas.text(series.name, at: Point(left + 22, baseline), font)
        }
    }

    /// Where a point of the data lies on the canvas.
    func place(_ point: Point, in frame: Canvas.Frame) -> Point {
        Point(column(point.x, in: frame), row(point.y, in: frame))
    }

    private func column(_ value: Double, in frame: Canvas.Frame) -> Double {
        frame.left + x.position(value) * frame.width
    }

    private func row(_ value: Double, in frame: Canvas.Frame) -> Double {
        frame.bottom - y.position(value) * frame.height
    }

    /// The room that labels leave, on whole pixels so that the frame's lines are sharp.
    private func dataFrame(of canvas: Canvas, _ xTicks: [Axis.Tick], _ yTicks: [Axis.Tick]) -> Canvas.Frame {
        func widest(_ ticks: [Axis.Tick]) -> Double { ticks.map { font.length(of: $0.label) }.max() ?? 0 }
        var frame = Canvas.Frame(
            left: (widest(yTicks) + 16 + (plot.yLabel.isEmpty ? 4 : 12 + font.capitalHeight)).rounded() + 0.5,
            top: plot.title.isEmpty ? 16.5 : 36.5,
            right: Double(canvas.width) - max(16, widest(xTicks) / 2 + 4).rounded() - 0.5,
            bottom: Double(canvas.height) - (plot.xLabel.isEmpty ? 30.5 : 46.5))
        if plot.yScale == .equal {
            let spanX = x.range.upperBound - x.range.lowerBound
            let spanY = y.range.upperBound - y.range.lowerBound
            let scale = min(frame.width / spanX, frame.height / spanY)
            frame.left += ((frame.width - scale * spanX) / 2).rounded()
            frame.right = frame.left + (scale * spanX).rounded()
            frame.bottom = frame.top + (scale * spanY).rounded()
        }
        frame.right = max(frame.right, frame.left + 1)
        frame.bottom = max(frame.bottom, frame.top + 1)
        return frame
    }
}
