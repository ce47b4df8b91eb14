import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Pools and resizing against PyTorch.
@Suite struct PoolingTests {
    private let device = Device(threads: 2)

    @Test(arguments: try Fixture("inception").cases.filter { $0.options["kind"]?.string != "features" })
    func agreesWithPyTorch(_ test: Fixture.Case) throws {
        func integer(_ key: String) throws -> Int { try #require(test.options[key]?.integer) }
        let (x, expected) = (try test.tensor("input", on: device), try test.tensor("output", on: device))
        let result: Tensor
        switch test.options["kind"]?.string {
        case "resize": result = x.resizedBilinear(height: try integer("height"), width: try integer("width"))
        case "max_pool", "average_pool":
            let window = ConvolutionGeometry(
                kernel: try integer("kernel"), stride: try integer("stride"), padding: try integer("padding"))
            result = test.name.hasPrefix("max") ? x.maxPooled(window) : x.averagePooled(window)
        default:
            Issue.record("\(test.name) is of no known kind")
            return
        }
        #expect(relativeError(result, expected) < 1e-6)
    }
}
