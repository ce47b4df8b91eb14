import Media

/// A connected part of a picture that stands out from its ground.
struct PictureRegion {
    /// The mean colour of what it covers whole, RGB from 0 to 1.
    let ink: SIMD3<Double>
    /// How much of each pixel it covers; only those of which it covers something.
    let pixels: [(column: Int, row: Int, share: Double)]
    /// Pixels.
    let area: Double
    /// Of its area, from the left and the top in pixels.
    let centre: SIMD2<Double>

    /// The intersection over union with the ideal shape of the same area and centre, sharpened likewise.
    func overlap(with shape: NamedShape) -> Double {
        let extent = (area / shape.unitArea).squareRoot()
        // All that the ideal shape may cover: its centre of area is its farthest point's 2/3 at most.
        let (reach, x, y) = (2 * extent / 3 + 1, centre.x, centre.y)
        var ideal: [SIMD2<Int>: Double] = [:]
        for row in Int((y - reach).rounded(.down))...Int(y + reach) {
            for column in Int((x - reach).rounded(.down))...Int(x + reach) {
                ideal[SIMD2(column, row)] = Self.sharpened(
                    shape.coverage(column: column, row: row, centre: (x, y), extent: extent))
            }
        }
        let common = pixels.reduce(0) { $0 + min(ideal[SIMD2($1.column, $1.row)] ?? 0, $1.share) }
        return common / (area + ideal.values.reduce(0, +) - common)
    }

    /// A share of a pixel as blurred edges have it, brought nearer to that of sharp ones: a sixth at either end is
    /// taken for none and all.
    static func sharpened(_ share: Double) -> Double { min(max((share - 0.5) * 1.5 + 0.5, 0), 1) }
}

/// Cuts a picture into its ground, the median colour of the border, and regions.
struct RegionFinder {
    /// The least difference from the ground, as a distance in RGB from 0 to 1.
    private static let leastContrast = 0.3
    /// The least area, of the picture's: what is smaller is taken for a speck.
    private static let leastArea = 0.006

    private let width: Int
    private let height: Int
    private let colours: [SIMD3<Double>]
    private let ground: SIMD3<Double>
    private let contrasts: [Double]

    init(_ image: Image) {
        let pixels = image.flattened
        let maximum = Double(pixels.depth.maximum)
        let (width, height) = (pixels.width, pixels.height)
        let colours = (0..<width * height).map { index in
            let values = pixels[index % width, index / width].map { Double($0) / maximum }
            return values.count == 3 ? SIMD3(values) : SIMD3(repeating: values[0])
        }
        let border = colours.indices.filter { index in
            [0, width - 1].contains(index % width) || [0, height - 1].contains(index / width)
        }
        var ground = SIMD3<Double>()
        for channel in 0..<3 {
            ground[channel] = border.map { colours[$0][channel] }.sorted()[border.count / 2]
        }
        let contrasts = colours.map { ($0 - ground).length }
        (self.width, self.height, self.colours, self.ground, self.contrasts) = (
            width, height, colours, ground, contrasts
        )
    }

    /// The regions, those whose first pixel is higher first.
    func regions() -> [PictureRegion] {
        let owners = owners()
        let count = (owners.max() ?? -1) + 1
        let least = Self.leastArea * Double(width * height)
        return (0..<count).compactMap { number in
            let members = owners.indices.filter { owners[$0] == number }
            return Double(members.count) < least ? nil : region(of: members, owners)
        }
    }

    /// Numbers of connected pixels that differ from the ground by at least half as much as anything within two pixels,
    /// so that the edges of pale and of strong shapes are where half of a pixel is covered; -1 elsewhere.
    private func owners() -> [Int] {
        let stands = contrasts.indices.map { index in
            contrasts[index] >= Self.leastContrast
                && 2 * contrasts[index] >= (neighbours(of: index, within: 2).map { contrasts[$0] }.max() ?? 0)
        }
        var owners = [Int](repeating: -1, count: stands.count)
        var count = 0
        for start in stands.indices where stands[start] && owners[start] < 0 {
            var open = [start]
            owners[start] = count
            while let index = open.popLast() {
                for next in [index - width, index - 1, index + 1, index + width]
                where stands.indices.contains(next) && stands[next] && owners[next] < 0 {
                    // The end of one row is not beside the start of the next.
                    guard abs(next % width - index % width) <= 1 else { continue }
                    owners[next] = count
                    open.append(next)
                }
            }
            count += 1
        }
        return owners
    }

    /// A region with its rim, pixels of which it covers less than half.
    private func region(of members: [Int], _ owners: [Int]) -> PictureRegion? {
        let strongest = members.map { contrasts[$0] }.max() ?? 0
        let whole = members.filter { contrasts[$0] >= 0.75 * strongest }
        let ink = whole.reduce(SIMD3<Double>()) { $0 + colours[$1] } / Double(whole.count)
        let direction = ink - ground
        let reached = Set(members.flatMap { neighbours(of: $0, within: 1) })
        var pixels: [(column: Int, row: Int, share: Double)] = []
        var (area, centre) = (0.0, SIMD2<Double>())
        for index in reached.sorted() where owners[index] < 0 || owners[index] == owners[members[0]] {
            let along = ((colours[index] - ground) * direction).sum() / (direction * direction).sum()
            let share = PictureRegion.sharpened(along)
            guard share > 0 else { continue }
            let (row, column) = index.quotientAndRemainder(dividingBy: width)
            pixels.append((column, row, share))
            area += share
            centre += share * SIMD2(Double(column) + 0.5, Double(row) + 0.5)
        }
        return area > 0 ? PictureRegion(ink: ink, pixels: pixels, area: area, centre: centre / area) : nil
    }

    /// The pixels up to `reach` rows and columns away, with the pixel itself.
    private func neighbours(of index: Int, within reach: Int) -> [Int] {
        let (row, column) = index.quotientAndRemainder(dividingBy: width)
        return (max(0, row - reach)...min(height - 1, row + reach)).flatMap { row in
            (max(0, column - reach)...min(width - 1, column + reach)).map { row * width + $0 }
        }
    }
}

extension SIMD3<Double> {
    fileprivate var length: Double { (self * self).sum().squareRoot() }
}
