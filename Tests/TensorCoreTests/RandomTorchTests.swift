import Foundation
import Problems
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// PyTorch's CPU generator, against PyTorch.
struct RandomTorchTests {
    /// The same bits for uniforms and integers. PyTorch's normals come from vector code from 16 on, and that code differs
    /// between processors: where it is AVX2's the bits agree, here a unit in the last place is allowed.
    @Test(arguments: try Fixture("random_torch").cases)
    func drawsWhatTorchDraws(_ fixture: Fixture.Case) throws {
        var generator = TorchGenerator(seed: UInt64(try #require(fixture.options["seed"]?.integer)))
        for (i, draw) in try #require(fixture.options["draws"]?.elements).enumerated() {
            let size = try #require(draw["size"]?.integer)
            let kind = try #require(draw["kind"]?.string)
            switch kind {
            case "randint", "randperm":
                let high = draw["high"]?.integer
                let values = high.map { high in (0..<size).map { _ in generator.integer(below: high) } }
                let expected = try #require(draw["values"]?.elements).map(\.integer)
                #expect(values ?? generator.permutation(of: size) == expected)
            default:
                let values = kind == "rand" ? generator.uniforms(size) : generator.normals(size)
                let tolerance: Float = kind == "rand" ? 0 : 0x1p-22
                if let sum = draw["sum"]?.number, let squares = draw["sum_of_squares"]?.number {
                    #expect(differ(Array(values.prefix(64)), try fixture.tensor("\(i)_first").values) <= tolerance)
                    #expect(differ(Array(values.suffix(64)), try fixture.tensor("\(i)_last").values) <= tolerance)
                    #expect(abs(values.reduce(0) { $0 + Double($1) } - sum) < 1e-3)
                    #expect(abs(values.reduce(0) { $0 + Double($1) * Double($1) } - squares) < 1e-3)
                } else {
                    #expect(differ(values, try fixture.tensor("\(i)").values) <= tolerance)
                }
            }
        }
    }

    /// The largest difference, relative for values above 1.
    private func differ(_ a: [Float], _ b: [Float]) -> Float {
        guard a.count == b.count else { return .infinity }
        return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1) / max(1, abs($1.1))) }
    }

    @Test func aSavedGeneratorGoesOn() throws {
        var generator = TorchGenerator(seed: 5)
        _ = generator.normals(3)  // leaves the second value of a pair behind
        var restored = try JSONDecoder().decode(TorchGenerator.self, from: JSONEncoder().encode(generator))
        #expect(restored.normals(4) == generator.normals(4))
        #expect(restored.uniforms(700) == generator.uniforms(700))
    }

    @Test func aDamagedStateIsAProblem() {
        let saved = Data(#"{"words": [1, 2, 3], "used": 0}"#.utf8)
        #expect(throws: Problem.self) { try JSONDecoder().decode(TorchGenerator.self, from: saved) }
    }

    /// Pipelines draw (N, C, H, W); our pictures are (N, H, W, C).
    @Test func imagesAreDrawnChannelsFirst() {
        let (n, h, w, c) = (2, 3, 4, 5)
        var (a, b) = (TorchGenerator(seed: 1), TorchGenerator(seed: 1))
        let image = Tensor.normal([n, h, w, c], from: &a, on: Device(threads: 1)).array()
        let drawn = b.normals(n * h * w * c)
        for i in 0..<n {
            for y in 0..<h {
                for x in 0..<w {
                    for k in 0..<c {
                        #expect(image[((i * h + y) * w + x) * c + k] == drawn[((i * c + k) * h + y) * w + x])
                    }
                }
            }
        }
        #expect(a == b)
    }
}
