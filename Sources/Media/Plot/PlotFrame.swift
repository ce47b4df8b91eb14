/// What every plot has around its data: title, axes with ticks and labels, a light grid, a legend.
struct PlotFrame {
    var title: String
    var xLabel: String
    var yLabel: String
    var x: Axis
    var y: Axis
    /// Draws both axes to the same scale, as far as the picture allows.
    var square = false

    private static let textSize = 8.0
    private static let titleSize = 10.0

    /// Draws the frame and returns where the data go.
    func draw(on canvas: inout Canvas) -> Canvas.Frame {
        let xTicks = x.ticks(max(2, canvas.width / 110))
        let yTicks = y.ticks(max(2, canvas.height / (square ? 110 : 70)))
        let frame = dataFrame(of: canvas, yTicks: yTicks)
        for tick in xTicks {
            let place = column(tick.value, in: frame)
            let ends = [Point(place, frame.top), Point(place, frame.bottom)]
            canvas.polyline(ends, width: 1, .rule, opacity: tick.label.isEmpty ? 0.5 : 1)
            let below = Point(place, frame.bottom + 8 + Self.textSize)
            canvas.text(tick.label, at: below, size: Self.textSize, anchor: .middle)
        }
        for tick in yTicks {
            let place = row(tick.value, in: frame)
            let ends = [Point(frame.left, place), Point(frame.right, place)]
            canvas.polyline(ends, width: 1, .rule, opacity: tick.label.isEmpty ? 0.5 : 1)
            let beside = Point(frame.left - 8, place + Self.textSize / 2)
            canvas.text(tick.label, at: beside, size: Self.textSize, anchor: .end)
        }
        let corners = [
            Point(frame.left, frame.top), Point(frame.right, frame.top), Point(frame.right, frame.bottom),
            Point(frame.left, frame.bottom), Point(frame.left, frame.top),
        ]
        canvas.polyline(corners, width: 1, .grey)

        let middle = (frame.left + frame.right) / 2
        canvas.text(
            title, at: Point(middle, frame.top - 12), size: Self.titleSize, anchor: .middle, weight: 0.18)
        canvas.text(
            xLabel, at: Point(middle, frame.bottom + 20 + 2 * Self.textSize), size: Self.textSize, anchor: .middle)
        let yMiddle = Point(8 + Self.textSize, (frame.top + frame.bottom) / 2)
        canvas.text(yLabel, at: yMiddle, size: Self.textSize, anchor: .middle, upwards: true)
        return frame
    }

    /// A swatch and a name for each entry, in the upper right corner of the data.
    func drawLegend(_ entries: [(name: String, colour: Colour)], on canvas: inout Canvas, in frame: Canvas.Frame) {
        let named = entries.filter { !$0.name.isEmpty }
        let length = named.map { Canvas.length(of: $0.name, size: Self.textSize) }.max() ?? 0
        let left = frame.right - length - 34
        for (index, entry) in named.enumerated() {
            let baseline = frame.top + 20 + Double(index) * (Self.textSize + 9)
            let middle = baseline - Self.textSize / 2
            canvas.polyline([Point(left, middle), Point(left + 12, middle)], width: 4, entry.colour)
            canvas.text(entry.name, at: Point(left + 22, baseline), size: Self.textSize)
        }
    }

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
    private func dataFrame(of canvas: Canvas, yTicks: [Axis.Tick]) -> Canvas.Frame {
        let widest = yTicks.map { Canvas.length(of: $0.label, size: Self.textSize) }.max() ?? 0
        var frame = Canvas.Frame(
            left: (widest + 16 + (yLabel.isEmpty ? 4 : 12 + Self.textSize)).rounded() + 0.5,
            top: title.isEmpty ? 16.5 : 36.5,
            right: Double(canvas.width) - 16.5,
            bottom: Double(canvas.height) - (xLabel.isEmpty ? 30.5 : 46.5))
        if square {
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
