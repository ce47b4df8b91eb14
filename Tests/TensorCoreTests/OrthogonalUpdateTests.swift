import TensorCore
import TestSupport
import Testing

/// Muon's step.
@Suite struct OrthogonalUpdateTests {
    /// What a step without momentum adds to weights of 0, for a gradient.
    private func direction(
        of gradient: [Float], rows: Int, columns: Int, threads: Int = 1
    ) -> [Float] {
        let device = Device(threads: threads)
        let weights = Tensor.zeros([rows * columns], on: device)
        let rate = 1 / (0.2 * Double(max(rows, columns)).squareRoot())
        weights.applyOrthogonalUpdate(
            to: [MatrixPlace(first: 0, rows: rows, columns: columns)],
            gradient: Tensor(gradient, shape: weights.shape, on: device), moment: .zeros(weights.shape, on: device),
            average: nil, momentum: 0, weightDecay: 0,
            settings: UpdateSettings(learningRate: -rate, gradientScale: 1, averageDecay: 1))
        return weights.array()
    }

    /// The five steps leave singular values between 0.68 and 1.21 (Jordan et al. 2024), so the smaller of X X^T and X^T X is near the
    /// identity, whatever the scale of the gradient.
    @Test(arguments: [(12, 12), (7, 40), (40, 7), (33, 65), (65, 33), (1, 9), (9, 1)], [Float(1e-4), 1, 1e9])
    func resultIsNearlyOrthogonal(shape: (Int, Int), scale: Float) {
        let (rows, columns) = shape
        var generator = SeededGenerator(seed: 5)
        let x = direction(of: generator.floats(rows * columns).map { $0 * scale }, rows: rows, columns: columns)
        let side = min(rows, columns)
        for first in 0..<side {
            for second in 0..<side {
                var dot: Float = 0
                for index in 0..<max(rows, columns) {
                    let (a, b) =
                        rows <= columns
                        ? (x[first * columns + index], x[second * columns + index])
                        : (x[index * columns + first], x[index * columns + second])
                    dot += a * b
                }
                if first == second { #expect(abs(dot - 1) < 0.55) } else { #expect(abs(dot) < 0.55) }
            }
        }
    }

    /// The nearest orthogonal matrix to S Q, with S symmetric and positive, is Q; here rotations of planes by angles.
    @Test func directionIsThatOfTheGradient() {
        let (c, s): (Float, Float) = (0.6, 0.8)
        let q: [Float] = [c, -s, 0, 0, s, c, 0, 0, 0, 0, c, s, 0, 0, -s, c]
        let x = direction(of: q.map { $0 * 3 }, rows: 4, columns: 4)
        let length = x[0] / c
        #expect(abs(length - 1) < 0.3)
        #expect(zip(x, q).allSatisfy { abs($0 - length * $1) < 1e-5 })
    }

    @Test func aGradientOfZerosChangesNothing() {
        #expect(direction(of: [Float](repeating: 0, count: 12), rows: 3, columns: 4).allSatisfy { $0 == 0 })
    }

    /// Momentum, decay and average over three steps of three matrices in one run of memory, what lies between them untouched.
    @Test func threadsDoNotChangeABit() {
        let places = [(3, 8, 16), (140, 30, 5), (300, 64, 64)].map {
            MatrixPlace(first: $0.0, rows: $0.1, columns: $0.2)
        }
        let size = 4400
        func run(threads: Int) -> [[Float]] {
            let device = Device(threads: threads)
            var generator = SeededGenerator(seed: 9)
            func tensor() -> Tensor { Tensor(generator.floats(size), shape: [size], on: device) }
            let (weights, average, moment) = (tensor(), tensor(), Tensor.zeros([size], on: device))
            for _ in 0..<3 {
                weights.applyOrthogonalUpdate(
                    to: places, gradient: tensor(), moment: moment, average: average, momentum: 0.9, weightDecay: 0.1,
                    settings: UpdateSettings(learningRate: 0.1, gradientScale: 0.5, averageDecay: 0.9))
            }
            return [weights, average, moment].map { $0.array() }
        }
        let one = run(threads: 1)
        #expect(run(threads: 4) == one)
        var generator = SeededGenerator(seed: 9)
        let before = generator.floats(size)
        let touched = places.map { $0.first..<$0.first + $0.rows * $0.columns }
        for index in 0..<size {
            #expect((one[0][index] == before[index]) == !touched.contains { $0.contains(index) })
        }
    }
}
