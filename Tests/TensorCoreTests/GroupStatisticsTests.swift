import Glibc
import NumericTestSupport
import TensorCore
import Testing

/// Windows of images, and group norms whose statistics are gathered window by window.
@Suite struct GroupStatisticsTests {
    private let device = Device(threads: 2)

    /// (2, 9, 11, 8), far from zero.
    private func images(on device: Device) -> Tensor {
        Tensor.normal([2, 9, 11, 8], seed: 3, purpose: .dataset, on: device) * 2 + 5
    }

    private let parts = [
        Window(rows: 0..<4, columns: 0..<11), Window(rows: 4..<9, columns: 0..<3), Window(rows: 4..<9, columns: 3..<11),
    ]

    @Test func windowsAreSlices() throws {
        let x = images(on: device)
        let window = x.window(Window(rows: 2..<7, columns: 3..<10))
        #expect(window.array() == x.sliced(axis: 1, 2..<7).sliced(axis: 2, 3..<10).array())
        // From windows with a margin, of which only the inner part is taken.
        let again = try Tensor(shape: x.shape, on: device, assembling: parts) { part in
            let seen = Window(rows: max(0, part.rows.lowerBound - 1)..<9, columns: 0..<11)
            let rows = part.rows.lowerBound - seen.rows.lowerBound
            return (x.window(seen), Window(rows: rows..<rows + part.rows.count, columns: part.columns), part)
        }
        #expect(haveSameBits(again.array(), x.array()))
    }

    private func statistics(on device: Device) -> Tensor {
        let x = images(on: device)
        var statistics = GroupStatistics(samples: 2, channels: 8)
        // A window of a part as well as of the whole.
        statistics.add(x, in: parts[0])
        statistics.add(x.window(parts[1]), in: Window(rows: 0..<5, columns: 0..<3))
        statistics.add(x, in: parts[2])
        return statistics.values(groups: 4, epsilon: 1e-3, on: device)
    }

    @Test func statisticsAreThoseOfAllPixels() {
        let values = images(on: device).array().map(Double.init)
        let found = statistics(on: device).array()
        for sample in 0..<2 {
            for group in 0..<4 {
                let members = values.indices.filter { $0 / (99 * 8) == sample && $0 % 8 / 2 == group }.map {
                    values[$0]
                }
                let mean = members.reduce(0, +) / Double(members.count)
                let variance = members.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(members.count)
                #expect(abs(Double(found[sample * 4 + group]) - mean) < 1e-6 * abs(mean))
                let reciprocal = 1 / (variance + Double(Float(1e-3))).squareRoot()
                #expect(abs(Double(found[8 + sample * 4 + group]) - reciprocal) < 1e-6 * reciprocal)
            }
        }
        #expect(haveSameBits(found, statistics(on: Device(threads: 3)).array()))
    }

    /// y = (x - mean) rstd weight + bias, then the activation, with statistics that are not the input's own.
    @Test(arguments: [NormActivation.identity, .silu]) func normWithGivenStatistics(_ activation: NormActivation) {
        let x = images(on: device)
        let numbers: [Float] = [1, 2, 3, 4, -1, -2, -3, -4, 0.5, 1, 2, 3, 0.25, 1.5, 1, 2]
        let weight = Tensor.normal([8], seed: 4, purpose: .dataset, on: device)
        let bias = Tensor.normal([8], seed: 5, purpose: .dataset, on: device)
        let given = Tensor(numbers, shape: [2, 2, 4], on: device)
        let found = x.groupNorm(weight: weight, bias: bias, statistics: given, activation: activation)
        let (weights, biases) = (weight.array().map(Double.init), bias.array().map(Double.init))
        let expected = x.array().enumerated().map { index, value -> Float in
            let (channel, place) = (index % 8, index / (99 * 8) * 4 + index % 8 / 2)
            let normalized = (Double(value) - Double(numbers[place])) * Double(numbers[8 + place])
            let u = normalized * weights[channel] + biases[channel]
            return Float(activation == .silu ? u / (1 + exp(-u)) : u)
        }
        #expect(relativeError(found, Tensor(expected, shape: x.shape, on: device)) < 2e-6)
    }

    /// The norm of a part, with the statistics of the whole, is that part of the whole's.
    @Test func partOfTheWhole() {
        let x = images(on: device)
        let (weight, bias) = (Tensor.ones([8], on: device), Tensor.zeros([8], on: device))
        let whole = x.groupNorm(weight: weight, bias: bias, groups: 4, epsilon: 1e-3)
        let part = x.window(parts[2]).groupNorm(weight: weight, bias: bias, statistics: statistics(on: device))
        #expect(relativeError(part, whole.window(parts[2])) < 1e-6)
    }
}
