import Media
import Testing

@Suite("plots") struct PlotTests {
    /// How many pixels have about this colour.
    private func count(_ image: Image, _ match: (Int, Int, Int) -> Bool) -> Int {
        let bytes = image.bytes.map(Int.init)
        return stride(from: 0, to: bytes.count, by: 3).count { match(bytes[$0], bytes[$0 + 1], bytes[$0 + 2]) }
    }

    @Test("a scatter plot shows each set in its colour, the later over the earlier") func scatter() {
        let below = ScatterPlot.Series("a", points: [Point(0, 0)], colour: Colour(0x0000FF), radius: 20)
        let above = ScatterPlot.Series("b", points: [Point(0, 0)], colour: Colour(0xFF0000), radius: 10)
        let image = ScatterPlot(series: [below, above], xRange: -1...1, yRange: -1...1).image(width: 300, height: 300)
        let blue = count(image) { r, _, b in r < 40 && b > 220 }
        let red = count(image) { r, _, b in r > 220 && b < 40 }
        #expect(abs(Double(red) - 314) < 60, "\(red)")  // A disc of radius 10 and a swatch in the legend.
        #expect(abs(Double(blue) - 942) < 100, "\(blue)")
    }

    @Test("points outside and points that are no numbers are left out") func outside() {
        let points = [Point(50, 50), Point(.nan, 0), Point(0, .infinity)]
        let image = ScatterPlot(
            series: [ScatterPlot.Series(points: points, colour: Colour(0xFF0000), radius: 4)], xRange: -1...1,
            yRange: -1...1
        ).image()
        #expect(count(image) { r, g, _ in r > 200 && g < 100 } == 0)
    }

    @Test("a loss curve with gaps, zeros and no points at all can be drawn") func loss() {
        var points = (1...500).map { Point(Double($0), 1 / Double($0)) }
        points[90].y = .nan
        points[91].y = 0
        let image = LinePlot.loss("loss", training: points, validation: [Point(250, 0.01)]).image(
            width: 500, height: 300)
        #expect(count(image) { r, _, b in r < 120 && b > 150 } > 300)
        #expect(LinePlot.loss("empty", training: []).image(width: 40, height: 30).width == 40)
        #expect(LinePlot.loss("one", training: [Point(3, 0.5)]).image().height == 480)
        let vast = [Point(0, 1e-300), Point(1e300, 1e300)]
        #expect(LinePlot.loss("vast", training: vast).image().height == 480)
    }

    @Test("the running mean is the mean at first and forgets later") func smoothed() {
        let smooth = LinePlot.smoothed([Point(0, 2), Point(1, 4), Point(2, .nan)], window: 1e9)
        #expect(smooth.count == 2 && abs(smooth[1].y - 3) < 1e-6)
        let step = (0..<100).map { Point(Double($0), $0 < 50 ? 0 : 1) }
        #expect(LinePlot.smoothed(step, window: 5)[99].y > 0.999)
    }

    @Test("plots are drawn the same each time") func deterministic() {
        let plot = LinePlot.loss("loss", training: (1...50).map { Point(Double($0), 1 / Double($0)) })
        #expect(plot.image() == plot.image())
    }
}
