import Configurations
import Models
import NeuralNet
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// The network of the Frechet inception distance against its structure in PyTorch, with weights that both draw from the same numbers.
@Suite struct InceptionTests {
    private let device = Device(threads: 2)

    /// As the fixture says.
    private func fill(_ model: Inception) {
        for (seed, entry) in model.parameters.sorted(by: { $0.name < $1.name }).enumerated() {
            let (name, parameter) = entry
            var generator = TorchGenerator(seed: UInt64(seed))
            let shape = parameter.fileShape
            var values = generator.uniforms(shape.elementCount)
            if shape.rank == 4 {
                let fanIn = Double(shape.elementCount / shape[0])
                let factor = Float((24 / fanIn).squareRoot())
                for index in values.indices { values[index] = (values[index] - 0.5) * factor }
            } else if name.hasSuffix("bias") || name.hasSuffix("mean") {
                for index in values.indices { values[index] = (values[index] - 0.5) / 4 }
            } else {
                for index in values.indices { values[index] += 0.5 }
            }
            parameter.load(fileOrder: Tensor(values, shape: shape, on: device))
        }
    }

    @Test func agreesWithPyTorch() throws {
        let model = Inception(on: device)
        // 21.8 million, and two statistics of each of 17,216 channels.
        #expect(model.parameterCount == 21_785_568)
        fill(model)
        let cases = try Fixture("inception").cases.filter { $0.options["kind"]?.string == "features" }
        #expect(cases.count == 2)
        for test in cases {
            let picture = try test.tensor("picture", on: device) / 127.5 - 1
            let expected = try test.tensor("output", on: device)
            let features = model(picture)
            #expect(features.shape == [1, Inception.featureCount])
            #expect(relativeError(features, expected) < 1e-4, "\(test.name)")
        }
    }

    @Test func namesAreThoseOfTheWeights() {
        let names = Set(Inception(on: .rehearsal()).parameters.map(\.name))
        for name in [
            "Conv2d_1a_3x3.conv.weight", "Mixed_5b.branch_pool.bn.running_var", "Mixed_6c.branch7x7dbl_3.conv.weight",
            "Mixed_7a.branch7x7x3_4.bn.bias", "Mixed_7c.branch3x3dbl_3b.conv.weight",
        ] {
            #expect(names.contains(name), "\(name)")
        }
        #expect(names.count == 94 * 5 && names.allSatisfy { !InceptionConfiguration.ignores(tensor: $0) })
        #expect(InceptionConfiguration.ignores(tensor: "fc.weight"))
        #expect(InceptionConfiguration.ignores(tensor: "Mixed_5b.branch1x1.bn.num_batches_tracked"))
    }
}
