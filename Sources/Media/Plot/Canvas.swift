/// A white sheet to draw on with smooth edges. Places are in pixels from the top left corner; a pixel's centre lies at half its
/// side. A shape covers a pixel by how far the pixel's centre lies within its outline, from half a pixel outside to half inside.
struct Canvas {
    let width: Int
    let height: Int
    private var pixels: [Float]

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        pixels = [Float](repeating: 1, count: width * height * 3)
    }

    /// What has been drawn, as an 8-bit RGB image.
    var image: Image {
        Image(width: width, height: height, channels: 3, bytes: pixels.map { UInt8(($0 * 255).rounded()) })
    }

    /// A rectangle in pixels.
    struct Frame {
        var left: Double
        var top: Double
        var right: Double
        var bottom: Double

        var width: Double { right - left }
        var height: Double { bottom - top }
    }

    var frame: Frame { Frame(left: 0, top: 0, right: Double(width), bottom: Double(height)) }

    /// A filled disc.
    mutating func disc(
        _ centre: Point, radius: Double, _ colour: Colour, opacity: Double = 1, within clip: Frame? = nil
    ) {
        polyline([centre], width: 2 * radius, colour, opacity: opacity, within: clip)
    }

    /// A line through `points` with round ends and joints, covering each pixel once however often it crosses itself. A place that
    /// is not a number, or is too far away to be computed with, interrupts it.
    mutating func polyline(
        _ points: [Point], width lineWidth: Double, _ colour: Colour, opacity: Double = 1, within clip: Frame? = nil
    ) {
        let radius = lineWidth / 2
        let clip = clip ?? frame
        let runs = points.split { !(abs($0.x) < 1e7 && abs($0.y) < 1e7) }
        guard let area = area(runs.joined(), margin: radius + 1, within: clip) else { return }
        var coverage = [Float](repeating: 0, count: area.width * area.height)
        for run in runs {
            for (start, end) in zip(run, run.count > 1 ? run.dropFirst() : run) {
                guard let part = self.area([start, end], margin: radius + 1, within: clip) else { continue }
                for y in part.rows {
                    for x in part.columns {
                        let pixel = Point(Double(x) + 0.5, Double(y) + 0.5)
                        let inside = Float(min(max(radius + 0.5 - pixel.distance(toSegment: start, end), 0), 1))
                        let index = (y - area.rows.lowerBound) * area.width + x - area.columns.lowerBound
                        coverage[index] = max(coverage[index], inside)
                    }
                }
            }
        }
        for y in area.rows {
            for x in area.columns {
                let index = (y - area.rows.lowerBound) * area.width + x - area.columns.lowerBound
                if coverage[index] > 0 { blend(x, y, colour, coverage[index] * Float(opacity)) }
            }
        }
    }

    private mutating func blend(_ x: Int, _ y: Int, _ colour: Colour, _ alpha: Float) {
        let pixel = (y * width + x) * 3
        pixels[pixel] += alpha * (colour.red - pixels[pixel])
        pixels[pixel + 1] += alpha * (colour.green - pixels[pixel + 1])
        pixels[pixel + 2] += alpha * (colour.blue - pixels[pixel + 2])
    }

    private struct Area {
        var columns: Range<Int>
        var rows: Range<Int>
        var width: Int { columns.count }
        var height: Int { rows.count }
    }

    /// The pixels within `clip` that come within `margin` of the points' bounding box; nil when there are none.
    private func area(_ points: some Sequence<Point>, margin: Double, within clip: Frame) -> Area? {
        var (left, top, right, bottom) = (Double.infinity, Double.infinity, -Double.infinity, -Double.infinity)
        for point in points {
            (left, right) = (min(left, point.x), max(right, point.x))
            (top, bottom) = (min(top, point.y), max(bottom, point.y))
        }
        left = max(left - margin, clip.left, 0).rounded(.down)
        top = max(top - margin, clip.top, 0).rounded(.down)
        right = min(right + margin, clip.right, Double(width)).rounded(.up)
        bottom = min(bottom + margin, clip.bottom, Double(height)).rounded(.up)
        guard left < right, top < bottom else { return nil }
        return Area(columns: Int(left)..<Int(right), rows: Int(top)..<Int(bottom))
    }
}

extension Point {
    /// The distance to the nearest place on the line from `start` to `end`.
    func distance(toSegment start: Point, _ end: Point) -> Double {
        let (dx, dy) = (end.x - start.x, end.y - start.y)
        let squared = dx * dx + dy * dy
        let along = squared > 0 ? min(max(((x - start.x) * dx + (y - start.y) * dy) / squared, 0), 1) : 0
        let (ex, ey) = (x - start.x - along * dx, y - start.y - along * dy)
        return (ex * ex + ey * ey).squareRoot()
    }
}
