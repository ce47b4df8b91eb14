internal import NeuralNet
internal import TensorCore

/// Local steps computed tile by tile, with the result of computing them at once but for rounding: tiles overlap by what their inner
/// pixels see, and norms have the statistics of the whole.
///
/// Those of a norm are gathered in a pass over all tiles that ends before it, once the norms before it have theirs. So that a pass
/// need not begin with the first step, some results on the way are kept whole: those that make the work least in a given memory.
struct TiledNetwork {
    let steps: [LocalStep]
    /// Height and width of a tile at most, in pixels of any step.
    let side: Int

    /// - Parameters:
    ///   - x: (N, H, W, C).
    ///   - check: called before each tile of each pass; what it throws ends the work.
    func callAsFunction(_ x: Tensor, beforeTile check: () throws -> Void) throws -> Tensor {
        try parts(of: x.shape).reduce(x) { h, part in
            try TiledPart(steps: Array(steps[part]), from: h.shape, side: side)(h, beforeTile: check)
        }
    }

    /// Two results are held at a time, the last one kept and the next: together at most this share of the largest of all. Computed at
    /// once, the network would hold two and a half of those.
    private static let heldShare = 0.75

    /// The steps between results that are kept.
    private func parts(of shape: Shape) -> [Range<Int>] {
        var (height, width, channels) = (shape[1], shape[2], shape[3])
        var (sizes, works) = ([height * width * channels], [Double]())
        for step in steps {
            let inputs = channels
            (height, width, channels) = (step.extent(height), step.extent(width), step.channels)
            sizes.append(height * width * channels)
            works.append(Double(height * width * channels) * Double(inputs))
        }
        let held = Int(Self.heldShare * Double(sizes.max() ?? 0))
        /// With a pass for each norm.
        func work(_ part: Range<Int>) -> Double {
            var (all, once) = (0.0, 0.0)
            for index in part {
                if steps[index].norm != nil { all += once }
                once += works[index]
            }
            return all + once
        }
        // For so many steps the least work, and where the last of its parts begins.
        var least = [(work: 0.0, start: 0)]
        for end in 1...steps.count {
            let starts = (0..<end).filter { start in
                !steps[end - 1].isWithinBlock && sizes[start] + sizes[end] <= held
                    || start == 0 && end == steps.count
            }
            let ways = starts.map { (work: least[$0].work + work($0..<end), start: $0) }
            least.append(ways.min { $0.work < $1.work } ?? (.infinity, 0))
        }
        var parts: [Range<Int>] = []
        var end = steps.count
        while end > 0 {
            parts.append(least[end].start..<end)
            end = least[end].start
        }
        return parts.reversed()
    }
}

/// Steps between two results that are kept whole.
private struct TiledPart {
    private let steps: [LocalStep]
    /// Pixels of each step's input, and of the result, along one of the coarsest of them.
    private let scales: [Int]
    private let tiles: [Tile]
    private let resultShape: Shape

    init(steps: [LocalStep], from shape: Shape, side: Int) {
        self.steps = steps
        let heights = steps.reduce(into: [shape[1]]) { $0.append($1.extent($0[$0.count - 1])) }
        let coarsest = max(1, heights.min() ?? 1)
        scales = heights.map { $0 / coarsest }
        let (first, last) = (scales[0], scales[steps.count])
        let reach = steps.reduce(0) { $1.reach($0) }
        let side = max(1, side / (scales.max() ?? 1))
        let overlap = (reach + last - 1) / last
        let columns = Tile.Line.cover(shape[2] / first, side: side, overlap: overlap)
        tiles = Tile.Line.cover(shape[1] / first, side: side, overlap: overlap).flatMap { rows in
            columns.map { Tile(rows: rows, columns: $0) }
        }
        resultShape = [
            shape[0], shape[1] / first * last, shape[2] / first * last, steps.last?.channels ?? shape[3],
        ]
    }

    func callAsFunction(_ x: Tensor, beforeTile check: () throws -> Void) throws -> Tensor {
        guard tiles.count > 1 else { return steps.reduce(LocalStep.State(value: x)) { $1($0) }.value }
        var statistics: [Tensor?] = []
        /// What the first steps make of a tile.
        func state(after count: Int, _ tile: Tile) -> LocalStep.State {
            let input = LocalStep.State(value: x.window(tile.seen(scales[0])))
            return zip(steps, statistics).prefix(count).reduce(input) { $1.0($0, $1.1) }
        }
        for (index, step) in steps.enumerated() {
            let gathered = try step.norm.map { norm in
                let channels = index == 0 ? x.shape[3] : steps[index - 1].channels
                var sums = GroupStatistics(samples: x.shape[0], channels: channels)
                for tile in tiles {
                    try check()
                    sums.add(state(after: index, tile).value, in: tile.ownWithinSeen(scales[index]))
                }
                return sums.values(groups: norm.groups, epsilon: norm.epsilon, on: x.device)
            }
            statistics.append(gathered)
        }
        let scale = scales[steps.count]
        return try Tensor(shape: resultShape, on: x.device, assembling: tiles) { tile in
            try check()
            return (state(after: steps.count, tile).value, from: tile.ownWithinSeen(scale), to: tile.own(scale))
        }
    }
}

/// A rectangle that is a tile's own, each pixel being that of one tile, within the one that it takes in.
private struct Tile {
    /// One direction of it.
    struct Line {
        let own: Range<Int>
        let seen: Range<Int>

        /// Tiles of about the same size over `count` pixels. All take in equally much, so that one's memory fits the next.
        static func cover(_ count: Int, side: Int, overlap: Int) -> [Line] {
            let tiles = max(1, (count + side - 1) / side)
            let largest = (count + tiles - 1) / tiles
            let length = min(count, largest + 2 * overlap)
            return (0..<tiles).map { tile in
                let own = tile * count / tiles..<(tile + 1) * count / tiles
                let start = min(max(0, own.lowerBound - overlap), count - length)
                return Line(own: own, seen: start..<start + length)
            }
        }
    }

    let rows: Line
    let columns: Line

    /// What it takes in, at a resolution.
    func seen(_ scale: Int) -> Window { Window(rows: rows.seen * scale, columns: columns.seen * scale) }

    func own(_ scale: Int) -> Window { Window(rows: rows.own * scale, columns: columns.own * scale) }

    /// Where in the pixels that it takes in its own are.
    func ownWithinSeen(_ scale: Int) -> Window {
        func within(_ line: Line) -> Range<Int> {
            (line.own.lowerBound - line.seen.lowerBound) * scale..<(line.own.upperBound - line.seen.lowerBound) * scale
        }
        return Window(rows: within(rows), columns: within(columns))
    }
}

extension Range<Int> {
    fileprivate static func * (range: Range<Int>, scale: Int) -> Range<Int> {
        range.lowerBound * scale..<range.upperBound * scale
    }
}
