internal import NeuralNet
internal import TensorCore

#if canImport(Glibc)
    internal import Glibc
#endif

/// Patches of an image as tokens, with their positions (Peebles & Xie 2023, section 3.2, "Patchify").
final class PatchEmbedding: Module {
    private let projection: Convolution2D
    private let patchSize: Int
    private let width: Int
    /// Patches in each direction of an image of the configured size.
    private let side: Int
    private let positions: Table

    /// How a patch's position is encoded.
    enum Positions: Sendable, Hashable {
        /// Sines and cosines of row and column, for images of any size.
        case sincos
        /// A learned vector for each patch of an image of the configured size.
        case learned
    }

    private enum Table {
        /// (side side, D).
        case sincos(Tensor)
        /// (1, side side, D), as a file has it.
        case learned(Parameter)
    }

    /// - Parameters:
    ///   - channels: of the images.
    ///   - width: of the tokens.
    ///   - patchSize: side of a patch in pixels.
    ///   - side: patches in each direction of an image of the configured size.
    init(_ channels: Int, _ width: Int, patchSize: Int, side: Int, positions: Positions, on device: Device) {
        (self.patchSize, self.width, self.side) = (patchSize, width, side)
        projection = Convolution2D(
            channels, width, kernel: patchSize, stride: patchSize,
            weights: .xavier(channels * patchSize * patchSize, width), isHidden: false, on: device)
        self.positions =
            switch positions {
            case .sincos: .sincos(Self.table(width, height: side, width: side, side: side, on: device))
            case .learned: .learned(Parameter([1, side * side, width], .normal(deviation: 0.02), on: device))
            }
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("proj", projection)
        if case .learned(let table) = positions { visitor("pos_embed", table) }
    }

    /// The table of sines and cosines, as a file may hold it: (1, side side, D).
    var constant: Tensor? {
        guard case .sincos(let table) = positions else { return nil }
        return table.reshaped(to: [1, side * side, width])
    }

    /// (N, L, D), and how many patches there are in each direction.
    func callAsFunction(_ x: Tensor) -> (tokens: Tensor, height: Int, width: Int) {  // x (N, H, W, C)
        precondition(
            x.shape[1] % patchSize == 0 && x.shape[2] % patchSize == 0, "patches of \(patchSize) do not fill \(x.shape)"
        )
        let patches = projection(x)  // (N, h, w, D)
        let (rows, columns) = (patches.shape[1], patches.shape[2])
        let tokens = patches.reshaped(to: [x.shape[0], rows * columns, width])  // (N, L, D)
        switch positions {
        case .sincos(let own):
            let isOwn = rows == side && columns == side
            let table =
                isOwn ? own : Self.table(width, height: rows, width: columns, side: side, on: x.device)
            return (tokens + table, rows, columns)
        case .learned(let table):
            precondition(rows == side && columns == side, "learned positions are for \(side) x \(side) patches")
            return (tokens + table.value, rows, columns)
        }
    }

    /// Sines and cosines of column, then of row (L, D), with frequencies 10000^(-k / (D / 4)). Positions in an image of
    /// another size are spread over those of one with `side` patches.
    private static func table(_ size: Int, height: Int, width: Int, side: Int, on device: Device) -> Tensor {
        let quarter = size / 4
        let frequencies = (0..<quarter).map { pow(10_000, -Double($0) / Double(quarter)) }
        /// The features of each position along one direction, positions rounded to a float as PyTorch rounds them.
        func features(_ count: Int) -> [[Float]] {
            (0..<count).map { index in
                let position = Double(Float(index) / (Float(count) / Float(side)))
                return frequencies.map { Float(sin(position * $0)) } + frequencies.map { Float(cos(position * $0)) }
            }
        }
        let (rows, columns) = (features(height), features(width))
        var values: [Float] = []
        values.reserveCapacity(height * width * size)
        for row in rows { for column in columns { values += column + row } }
        return Tensor(values, shape: [height * width, size], on: device)
    }
}

extension Tensor {
    /// Tokens (N, h w, p p C) as images (N, h p, w p, C).
    func unpatched(_ height: Int, _ width: Int, patchSize p: Int) -> Tensor {
        let (n, channels) = (shape[0], shape[2] / (p * p))
        return reshaped(to: [n, height, width, p, p, channels]).permuted([0, 1, 3, 2, 4, 5])
            .reshaped(to: [n, height * p, width * p, channels])
    }
}
