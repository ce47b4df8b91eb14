import NumericTestSupport
import TensorCore
import TestSupport
import Testing

/// Every operation against its plain reference, its gradient against finite differences of that reference, and its bits
/// against those of other numbers of threads and other batches.
@Suite struct OperationTests {
    @Test func everyOperationHasARow() {
        #expect(Set(OperationTable.rows.map(\.kind)) == Set(Operation.Kind.allCases))
    }

    @Test(arguments: OperationTable.rows)
    func computesWhatThePlainReferenceDoes(_ row: OperationRow) {
        let values = row.values()
        let expected = row.reference(values)
        let device = Device(threads: 2)
        let result = row.compute(values.map { $0.tensor(on: device) })
        #expect(Array(result.shape) == expected.shape)
        let error = relativeError(result.array().map(Double.init), expected.values)
        #expect(error <= row.tolerance)
    }

    @Test(arguments: OperationTable.rows)
    func recordsItsOwnKind(_ row: OperationRow) {
        let device = Device(threads: 1)
        let tape = Tape()
        _ = row.compute(tracked(row.values(), on: tape, device).inputs)
        #expect(tape.recordedKinds.contains(row.kind))
    }

    /// The gradient of a randomly weighted sum of the result, in single precision, against central differences of the
    /// reference, which is in double precision: nothing is lost to cancellation, and the step can be small.
    @Test(arguments: OperationTable.rows)
    func gradientsAreThoseOfFiniteDifferences(_ row: OperationRow) {
        let values = row.values()
        let device = Device(threads: 2)
        let (_, gradients) = differentiate(row, values, device)
        let weights = cotangent(row.reference(values).shape)
        func objective(_ values: [Plain]) -> Double {
            zip(row.reference(values).values, weights.values).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let step = 1e-5
        // What is 0 by cancellation, as the gradient of a softmax of one number, is only as small as its parts' rounding.
        let floor = 0.01 * Double(gradients.joined().reduce(0) { max($0, abs($1)) })
        for (input, gradient) in gradients.enumerated() {
            let norm = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            let largest = gradient.reduce(0) { max($0, Double(abs($1))) }
            for (direction, isCoordinate) in directions(count: gradient.count, work: weights.count) {
                var (above, below) = (values, values)
                var predicted = 0.0
                for (place, amount) in direction {
                    above[input].values[place] += step * amount
                    below[input].values[place] -= step * amount
                    predicted += Double(gradient[place]) * amount
                }
                let difference = (objective(above) - objective(below)) / (2 * step)
                let scale = max(isCoordinate ? largest : norm, floor, 1e-6)
                #expect(abs(predicted - difference) <= 10 * row.tolerance * scale, "input \(input)")
            }
        }
    }

    /// As in a network of which parts are frozen: nothing is computed for inputs that are not tracked, and what is
    /// wanted has the bits that it has beside all other gradients.
    @Test(arguments: OperationTable.rows.filter { $0.inputs.count > 1 })
    func gradientsAreComputedWhereTheyAreWanted(_ row: OperationRow) {
        let device = Device(threads: 2)
        let values = row.values()
        let all = differentiate(row, values, device).gradients
        for wanted in values.indices {
            let tape = Tape()
            let gradient = Tensor.zeros(Shape(values[wanted].shape), on: device)
            var inputs = values.map { $0.tensor(on: device) }
            inputs[wanted] = tape.leaf(inputs[wanted], addingGradientTo: gradient)
            let result = row.compute(inputs)
            tape.backward(from: result, seed: cotangent(Array(result.shape)).tensor(on: device))
            let isSame = haveSameBits(gradient.array(), all[wanted])
            #expect(isSame, "input \(wanted)")
            #expect(tape.wasteful.isEmpty, "input \(wanted)")
        }
    }

    @Test(arguments: OperationTable.rows)
    func bitsDoNotDependOnThreads(_ row: OperationRow) {
        let values = row.values()
        let (result, gradients) = differentiate(row, values, Device(threads: 1))
        for threads in [2, 3, 7] {
            let (otherResult, otherGradients) = differentiate(row, values, Device(threads: threads))
            let isSame = haveSameBits(otherResult, result)
            #expect(isSame, "\(threads) threads")
            for (input, pair) in zip(otherGradients, gradients).enumerated() {
                let isSame = haveSameBits(pair.0, pair.1)
                #expect(isSame, "input \(input), \(threads) threads")
            }
        }
    }

    @Test(arguments: OperationTable.rows.filter(\.hasBatch), [[1, 1, 1, 1, 1, 1, 1, 1], [3, 5]])
    func bitsDoNotDependOnTheBatch(_ row: OperationRow, _ split: [Int]) {
        let device = Device(threads: 2)
        let values = row.values(samples: 8).map { $0.tensor(on: device) }
        let whole = row.compute(values)
        var first = 0
        for count in split {
            let part = row.compute(
                zip(values, row.inputs).map { $1.isBatched ? $0.sliced(axis: 0, first..<first + count) : $0 })
            let expected = whole.sliced(axis: 0, first..<first + count)
            #expect(part.shape == expected.shape)
            let isSame = haveSameBits(part.array(), expected.array())
            #expect(isSame, "samples \(first)..<\(first + count)")
            first += count
        }
    }

    // MARK: -

    private func tracked(
        _ values: [Plain], on tape: Tape, _ device: Device
    ) -> (inputs: [Tensor], gradients: [Tensor]) {
        let gradients = values.map { Tensor.zeros(Shape($0.shape), on: device) }
        let inputs = zip(values, gradients).map { tape.leaf($0.tensor(on: device), addingGradientTo: $1) }
        return (inputs, gradients)
    }

    /// The result, and the gradients of its sum weighted with `cotangent`.
    private func differentiate(
        _ row: OperationRow, _ values: [Plain], _ device: Device
    ) -> (result: [Float], gradients: [[Float]]) {
        let tape = Tape()
        let (inputs, gradients) = tracked(values, on: tape, device)
        let result = row.compute(inputs)
        tape.backward(from: result, seed: cotangent(Array(result.shape)).tensor(on: device))
        return (result.array(), gradients.map { $0.array() })
    }

    private func cotangent(_ shape: [Int]) -> Plain {
        var stream = Philox(seed: 7, purpose: .validation)
        return Plain(shape, values: stream.normals(shape.reduce(1, *)).map(Double.init))
    }

    /// Where to look: along some coordinates where that is cheap, and always along two random directions in which every
    /// element takes part.
    private func directions(
        count: Int, work: Int
    ) -> [(direction: [(place: Int, amount: Double)], isCoordinate: Bool)] {
        var stream = Philox(seed: 7, purpose: .permutation)
        guard count > 0 else { return [] }
        let dense = (0..<2).map { _ in (0..<count).map { (place: $0, amount: stream.uniform() < 0.5 ? -1.0 : 1.0) } }
        let coordinates = stream.permutation(of: count).prefix(min(24, 40_000 / work))
        return dense.map { ($0, false) } + coordinates.map { ([(place: $0, amount: 1)], true) }
    }
}
