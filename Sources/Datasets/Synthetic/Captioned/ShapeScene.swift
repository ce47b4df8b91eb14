import Media
import TensorCore

/// Shapes in a picture of the synthetic set `captioned_shapes`: what is drawn for a caption. Sizes are in pixels.
struct ShapeScene {
    struct Figure {
        let shape: NamedShape
        let ink: Colour
        /// The side of the smallest square that holds it.
        let extent: Double
        /// The middle of that square, from the left and the top.
        var middle: SIMD2<Double>
    }

    /// From which extent on a shape is large, of the picture's side.
    static let leastLarge = 0.355

    let resolution: Int
    let ground: Colour
    private(set) var figures: [Figure] = []

    /// Draws what the caption leaves open: sizes that are not given, the exact places, colours a little darker than
    /// their names say, and a dark ground. Shapes keep clear of each other and of the border.
    init(_ caption: ShapeCaption, resolution: Int, _ random: inout Philox) {
        func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * Double(random.uniform()) }
        func channel() -> Float { Float(uniform(0, 0.15)) }
        self.resolution = resolution
        let side = Double(resolution)
        ground = Colour(red: channel(), green: channel(), blue: channel())
        figures = caption.items.map { item in
            let size = item.size ?? (random.nextUInt32() & 1 == 0 ? .small : .large)
            let (from, to) = Self.extents(size)
            let brightness = uniform(0.85, 1)
            return Figure(
                shape: item.shape, ink: item.colour.colour.scaled(by: Float(brightness)),
                extent: uniform(from, to) * side, middle: .zero)
        }
        place(caption.relations, uniform)
    }

    /// Gives the figures places that the relations name: each pair's distance across the direction is at most half of
    /// that along it, and none are in each other's way.
    private mutating func place(_ relations: [ShapeCaption.Relation], _ uniform: (Double, Double) -> Double) {
        let side = Double(resolution)
        let (margin, gap) = (side / 32, side / 12)
        /// Where intervals of these lengths begin, in this order within the picture.
        func starts(_ lengths: [Double]) -> [Double] {
            let free = side - 2 * margin - lengths.reduce(0, +) - gap * Double(lengths.count - 1)
            let shifts = lengths.map { _ in uniform(0, free) }.sorted()
            var taken = margin
            return zip(lengths, shifts).map { length, shift in
                defer { taken += length + gap }
                return taken + shift
            }
        }
        /// Of a figure's middle, within an interval, and not far from a place.
        func coordinate(_ figure: Figure, _ from: Double, _ to: Double, near place: Double, within reach: Double)
            -> Double
        {
            let half = figure.extent / 2
            return uniform(max(from + half, place - reach), min(to - half, place + reach))
        }

        guard let relation = relations.first else {
            for axis in 0..<2 { figures[0].middle[axis] = starts([figures[0].extent])[0] + figures[0].extent / 2 }
            return
        }
        let axis = relation.isHorizontal ? 0 : 1
        let order = relation.isForward ? [0, 1] : [1, 0]
        for (index, start) in zip(order, starts(order.map { figures[$0].extent })) {
            figures[index].middle[axis] = start + figures[index].extent / 2
        }
        // What the first two may take across their direction: all, or a band beside the third.
        var band = (from: margin, to: side - margin)
        if let toThird = relations.dropFirst().first {
            let lengths = [max(figures[0].extent, figures[1].extent), figures[2].extent]
            let places = toThird.isForward ? starts(lengths) : starts(lengths.reversed()).reversed()
            band = (places[0], places[0] + lengths[0])
            figures[2].middle[1 - axis] = places[1] + lengths[1] / 2
        }
        let distance = abs(figures[0].middle[axis] - figures[1].middle[axis])
        figures[0].middle[1 - axis] = coordinate(figures[0], band.from, band.to, near: side / 2, within: side)
        figures[1].middle[1 - axis] = coordinate(
            figures[1], band.from, band.to, near: figures[0].middle[1 - axis], within: distance / 2)
        guard figures.count == 3 else { return }
        let middle = (figures[0].middle + figures[1].middle) / 2
        figures[2].middle[axis] = coordinate(
            figures[2], margin, side - margin, near: middle[axis],
            within: abs(middle[1 - axis] - figures[2].middle[1 - axis]) / 2)
    }

    private static func extents(_ size: ShapeCaption.Size) -> (from: Double, to: Double) {
        switch size {
        case .small: (0.29, 0.31)
        case .large: (0.4, 0.42)
        }
    }

    /// The picture, RGB, with smooth edges.
    func image() -> Image {
        var pixels = [SIMD3<Float>](repeating: ground.vector, count: resolution * resolution)
        for figure in figures {
            let centre = (x: figure.middle.x, y: figure.middle.y + figure.shape.centreOffset * figure.extent)
            // Nothing of it lies farther from the middle; figures lie within the picture.
            let reach = figure.extent / 2 + 1
            let columns = max(0, Int(figure.middle.x - reach))..<min(resolution, Int(figure.middle.x + reach) + 1)
            let rows = max(0, Int(figure.middle.y - reach))..<min(resolution, Int(figure.middle.y + reach) + 1)
            for row in rows {
                for column in columns {
                    let share = figure.shape.coverage(column: column, row: row, centre: centre, extent: figure.extent)
                    let below = pixels[row * resolution + column]
                    pixels[row * resolution + column] = below + Float(share) * (figure.ink.vector - below)
                }
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(3 * pixels.count)
        for pixel in pixels {
            for channel in 0..<3 { bytes.append(UInt8((pixel[channel] * 255).rounded())) }
        }
        return Image(width: resolution, height: resolution, channels: 3, bytes: bytes)
    }
}

extension Colour {
    fileprivate var vector: SIMD3<Float> { SIMD3(red, green, blue) }

    fileprivate func scaled(by factor: Float) -> Colour {
        Colour(red: factor * red, green: factor * green, blue: factor * blue)
    }
}
