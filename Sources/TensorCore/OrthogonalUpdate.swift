internal import CKernels
internal import Synchronization

/// A matrix in a run of parameters: row-major, from element `first` on.
public struct MatrixPlace: Sendable, Hashable {
    public let first: Int
    public let rows: Int
    public let columns: Int

    public init(first: Int, rows: Int, columns: Int) { (self.first, self.rows, self.columns) = (first, rows, columns) }

    var count: Int { rows * columns }
}

extension Tensor {
    /// Updates matrices of this tensor, their momentum and their moving average in place: with m <- momentum m + g, each becomes
    /// (1 - rate decay) W - rate 0.2 sqrt(max(rows, columns)) O, where O is the orthogonal matrix nearest to g + momentum m (Jordan
    /// et al. 2024, "Muon"), scaled as in Liu et al. 2025, equation 4, so that Adam's learning rates do
    /// (torch.optim.Muon with nesterov and "match_rms_adamw").
    ///
    /// - Parameters:
    ///   - gradient: of this tensor's shape, as are the moment and the average.
    ///   - weightDecay: decoupled.
    public func applyOrthogonalUpdate(
        to matrices: [MatrixPlace], gradient: Tensor, moment: Tensor, average: Tensor?, momentum: Double,
        weightDecay: Double, settings: UpdateSettings
    ) {
        precondition(([gradient, moment] + [average].compactMap(\.self)).allSatisfy { $0.shape == shape })
        let size = matrices.map { Orthogonalization(rows: $0.rows, columns: $0.columns).scratch }.max() ?? 0
        // Each thread takes one matrix after the other, the largest first.
        let order = matrices.sorted { $0.count > $1.count }
        let threads = min(device.threads, order.count)
        let next = Atomic(0)
        device.withScratch(threads * size) { scratch in
            device.forEach(threads) { thread in
                while true {
                    let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard index < order.count else { return }
                    let place = order[index]
                    let (count, first, scratch) = (place.count, place.first, scratch + thread * size)
                    // SGD of zeros with a rate of -1 leaves its Nesterov step.
                    var accumulation = CKSGD(
                        learning_rate: -1, momentum: momentum, dampening: 0, weight_decay: 0, nesterov: true,
                        first_step: false, gradient_scale: settings.gradientScale, ema_decay: 1)
                    scratch.update(repeating: 0, count: count)
                    ck_sgd(&accumulation, scratch, moment.pointer + first, nil, gradient.pointer + first, count)
                    let nearest = Orthogonalization(rows: place.rows, columns: place.columns).run(scratch)
                    var step = CKSGD(
                        learning_rate: settings.learningRate, momentum: 0, dampening: 0, weight_decay: weightDecay,
                        nesterov: false, first_step: false,
                        gradient_scale: 0.2 * Float(max(place.rows, place.columns)).squareRoot(),
                        ema_decay: settings.averageDecay)
                    ck_sgd(&step, pointer + first, nil, average.map { $0.pointer + first }, nearest, count)
                }
            }
        }
    }
}

/// The orthogonal matrix nearest to another one, nearly: U V^T of the singular value decomposition U S V^T, with singular values from 0.7
/// to 1.2, by five steps of a Newton-Schulz iteration (Jordan et al. 2024), on the calling thread.
struct Orthogonalization {
    /// Of the quintic polynomial a s + b s^3 + c s^5 that takes each singular value s towards 1.
    private static let (a, b, c): (Float, Float, Float) = (3.4445, -4.7750, 2.0315)
    private static let steps = 5
    private static let smallestNorm = 1e-7

    let rows: Int
    let columns: Int

    /// Extent of the smaller of X X^T and X^T X.
    private var side: Int { min(rows, columns) }
    private var isWide: Bool { rows <= columns }

    /// Floats of memory that `run` needs, the matrix itself included.
    var scratch: Int {
        let packed = max(
            ck_packed_size(isWide ? columns : rows, side), ck_packed_size(side, side),
            ck_packed_size(side, isWide ? columns : side))
        return 2 * rows * columns + 2 * side * side + packed
    }

    /// - Parameter x: the matrix, and after it the memory that is needed; all of it changes.
    /// - Returns: where in that memory the result lies.
    func run(_ x: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        let count = rows * columns
        var (x, next) = (x, x + count)
        let gram = next + count  // (side, side)
        let polynomial = gram + side * side  // (side, side)
        let packed = polynomial + side * side
        let norm = max(ck_sum_squares(x, count).squareRoot(), Self.smallestNorm)
        ck_scale_offset(next, x, Float(1 / norm), 0, count)
        swap(&x, &next)
        for _ in 0..<Self.steps {
            if isWide {  // A = X X^T
                ck_pack(packed, x, 1, columns, columns, rows)
                ck_product(gram, side, x, columns, 1, packed, rows, rows, columns, false)
            } else {  // A = X^T X
                ck_pack(packed, x, columns, 1, rows, columns)
                ck_product(gram, side, x, 1, columns, packed, columns, columns, rows, false)
            }
            // P = a I + A (b I + c A)
            ck_scale_offset(polynomial, gram, Self.c, 0, side * side)
            for index in 0..<side { polynomial[index * (side + 1)] += Self.b }
            ck_pack(packed, polynomial, side, 1, side, side)
            ck_product(polynomial, side, gram, side, 1, packed, side, side, side, false)
            for index in 0..<side { polynomial[index * (side + 1)] += Self.a }
            if isWide {  // X <- P X
                ck_pack(packed, x, columns, 1, rows, columns)
                ck_product(next, columns, polynomial, side, 1, packed, rows, columns, rows, false)
            } else {  // X <- X P
                ck_pack(packed, polynomial, side, 1, side, side)
                ck_product(next, columns, x, columns, 1, packed, rows, columns, columns, false)
            }
            swap(&x, &next)
        }
        return x
    }
}
