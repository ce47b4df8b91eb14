public import Media

/// Tells by measuring whether a picture shows all that a caption of `captioned_shapes` asks for: as many shapes and no
/// more, each with its colour, shape and size, in the places that are named.
///
/// A shape is a connected region that stands out from the ground; specks below 0.6 % of the picture are passed over.
/// Its colour is the nearest named one, brightness aside; its shape the one that overlaps most with the ideal shape of
/// the same area and centre; its size follows from its area. One is left of another where its centre is, and nearer to
/// the horizontal than to the vertical.
public enum CaptionRule {
    /// What of a caption a picture does not show.
    public enum Fault: String, Sendable, CaseIterable {
        case number, colour, shape, size, place
    }

    /// The least overlap (intersection over union) with an ideal shape.
    private static let leastOverlap = 0.75

    /// Whether the picture shows all of it.
    public static func shows(_ caption: ShapeCaption, in image: Image) -> Bool {
        faults(in: image, of: caption).isEmpty
    }

    /// What is wrong, where the shapes are taken for the items of the caption that they fit best; the number alone
    /// where that is wrong.
    public static func faults(in image: Image, of caption: ShapeCaption) -> Set<Fault> {
        let figures = RegionFinder(image).regions().map { Figure($0, side: Double(min(image.width, image.height))) }
        guard figures.count == caption.items.count else { return [.number] }
        let assignments = permutations(figures).map { faults(in: $0, of: caption) }
        return Set(assignments.min { $0.count < $1.count } ?? [.number])
    }

    /// A shape as it is seen.
    private struct Figure {
        let colour: NamedColour?
        let shape: NamedShape?
        let size: ShapeCaption.Size
        let centre: SIMD2<Double>

        init(_ region: PictureRegion, side: Double) {
            colour = NamedColour(nearestTo: [region.ink.x, region.ink.y, region.ink.z])
            centre = region.centre
            let overlaps = NamedShape.allCases.map { (shape: $0, overlap: region.overlap(with: $0)) }
            let best = overlaps.max { $0.overlap < $1.overlap }
            shape = best.flatMap { $0.overlap >= leastOverlap ? $0.shape : nil }
            let extent = (region.area / (best?.shape.unitArea ?? 1)).squareRoot()
            size = extent >= ShapeScene.leastLarge * side ? .large : .small
        }
    }

    /// Of figures that are taken for the items in this order; one for each thing that is wrong.
    private static func faults(in figures: [Figure], of caption: ShapeCaption) -> [Fault] {
        var faults: [Fault] = []
        for (figure, item) in zip(figures, caption.items) {
            if figure.colour != item.colour { faults.append(.colour) }
            if figure.shape != item.shape { faults.append(.shape) }
            if let size = item.size, figure.size != size { faults.append(.size) }
        }
        for (number, relation) in caption.relations.enumerated() {
            let (others, seen) = (figures[...number].map(\.centre), figures[number + 1].centre)
            let middle = others.reduce(SIMD2<Double>(), +) / Double(others.count)
            let axis = relation.isHorizontal ? 0 : 1
            let sign = relation.isForward ? 1.0 : -1
            let isThere = others.allSatisfy { sign * (seen[axis] - $0[axis]) > 0 }
            let distance = seen - middle
            if !isThere || abs(distance[axis]) <= abs(distance[1 - axis]) { faults.append(.place) }
        }
        return faults
    }

    private static func permutations<Element>(_ elements: [Element]) -> [[Element]] {
        guard elements.count > 1 else { return [elements] }
        return elements.indices.flatMap { index in
            var rest = elements
            let first = rest.remove(at: index)
            return permutations(rest).map { [first] + $0 }
        }
    }
}
