import Foundation
import FoundationXML
import Media
import Problems
import Testing

@Suite("plots") struct PlotTests {
    /// Number of pixels of about this colour.
    private func count(_ image: Image, _ match: (Int, Int, Int) -> Bool) -> Int {
        let bytes = image.bytes.map(Int.init)
        return stride(from: 0, to: bytes.count, by: 3).count { match(bytes[$0], bytes[$0 + 1], bytes[$0 + 2]) }
    }

    private func scatter(_ series: [Plot.Series], size: (width: Int, height: Int) = (300, 300)) -> Plot {
        var plot = Plot(yScale: .equal, series: series)
        (plot.xRange, plot.yRange, plot.size) = (-1...1, -1...1, size)
        return plot
    }

    private func titled(_ title: String) -> Plot {
        .loss(title, training: (1...50).map { Point(Double($0), 1 / Double($0)) })
    }

    /// The columns of the image that hold ink of the title.
    private func titleColumns(_ title: String) throws -> [Int] {
        let image = try titled(title).image()
        return (0..<image.width).filter { x in (0..<30).contains { y in image[x, y].contains { $0 < 200 } } }
    }

    @Test("discs are shown each in its colour, the later over the earlier") func discs() throws {
        let below = Plot.Series("a", as: .discs(radius: 20), points: [Point(0, 0)], colour: Colour(0x0000FF))
        let above = Plot.Series("b", as: .discs(radius: 10), points: [Point(0, 0)], colour: Colour(0xFF0000))
        let image = try scatter([below, above]).image()
        let blue = count(image) { r, _, b in r < 40 && b > 220 }
        let red = count(image) { r, _, b in r > 220 && b < 40 }
        #expect(abs(Double(red) - 314) < 60, "\(red)")  // A disc of radius 10 and a swatch in the legend.
        #expect(abs(Double(blue) - 942) < 100, "\(blue)")
    }

    @Test("points outside and points that are not finite are left out") func outside() throws {
        let points = [Point(50, 50), Point(1e300, -1e300), Point(.nan, 0), Point(0, .infinity)]
        let series = Plot.Series(as: .discs(radius: 4), points: points, colour: Colour(0xFF0000))
        #expect(try count(scatter([series]).image()) { r, g, _ in r > 200 && g < 100 } == 0)
    }

    @Test("a loss curve with gaps, zeros and no points at all can be drawn") func loss() throws {
        var points = (1...500).map { Point(Double($0), 1 / Double($0)) }
        points[90].y = .nan
        points[91].y = 0
        let plot = Plot.loss("loss", training: points, validation: [Point(250, 0.01)])
        #expect(try count(plot.image()) { r, _, b in r < 120 && b > 150 } > 500)
        var tiny = Plot.loss("empty", training: [])
        tiny.size = (40, 30)
        #expect(try tiny.image().width == 40)
        #expect(try Plot.loss("one", training: [Point(3, 0.5)]).image().height == 480)
        let vast = [Point(0, 1e-300), Point(1e300, 1e300)]
        #expect(try Plot.loss("vast", training: vast).image().height == 480)
    }

    @Test("the running mean is the mean at first and forgets later") func smoothed() {
        let smooth = Plot.smoothed([Point(0, 2), Point(1, 4), Point(2, .nan)], window: 1e9)
        #expect(smooth.count == 2 && abs(smooth[1].y - 3) < 1e-6)
        let step = (0..<100).map { Point(Double($0), $0 < 50 ? 0 : 1) }
        #expect(Plot.smoothed(step, window: 5)[99].y > 0.999)
    }

    @Test("the same plot gives the same bytes") func deterministic() throws {
        let plot = titled("loss")
        #expect(try plot.image() == plot.image())
        #expect(try plot.svg() == plot.svg())
    }

    @Test("an SVG is well-formed, and holds no text of its title, whatever it says") func vector() throws {
        for title in ["loss", "<script>alert(1)</script> & ]]>", "\u{0}\u{1B}\u{FFFE}\n\u{202E}"] {
            let svg = try titled(title).svg()
            #expect(XMLParser(data: Data(svg)).parse())
            #expect(!String(decoding: svg, as: UTF8.self).contains("script"))
        }
    }

    @Test("a title may hold any text: what is not a character is shown as such and ends nothing") func anyTitle() throws
    {
        let plain = try titleColumns("ab")
        for title in ["ab\u{0}cd", "ab\u{FFFE}cd", "ab\ncd"] {
            #expect(try titleColumns(title).count > plain.count, "\(title.debugDescription)")
        }
        #expect(try titled("a\u{FFFE}").image() == titled("a\u{FFFD}").image())
        // The font has these characters: they look different from each other and from what it has not.
        let images = try ["ü", "φ", "Ж", "\u{10FFFD}"].map { try titled($0).image() }
        #expect(Set(images).count == images.count)
    }

    @Test("a title that is too long ends in an ellipsis within the image") func longTitle() throws {
        let columns = try titleColumns(String(repeating: "loss of a model ", count: 100))
        let (first, last) = try (#require(columns.first), #require(columns.last))
        #expect(first >= 8 && first < 30 && last < 792 && last > 770, "\(first) to \(last)")
    }

    @Test("a line of many points keeps its extremes and makes a small file") func manyPoints() throws {
        var points = (0..<100_000).map { Point(Double($0), Double($0 % 7)) }
        points[54_321].y = 1000
        var plot = Plot(series: [.init(as: .line(width: 1), points: points, colour: Colour(0xFF0000))])
        plot.yRange = 0...1000
        #expect(try plot.svg().count < 500_000)
        let image = try plot.image()
        // The one high point is a spike.
        #expect((0..<image.width).contains { x in image[x, 100].first! > 200 && image[x, 100].last! < 200 })
    }

    @Test("what cannot be drawn is a problem") func tooLarge() {
        var plot = titled("large")
        plot.size.width = 40_000
        #expect(throws: Problem.self) { try plot.image() }
    }
}
