import Configurations
import Models
import NeuralNet
import StrictJSON
import TensorCore
import Testing

/// Every row of the registry is whole: it has names of its own, a builder, and a configuration that its files give
/// back.
@Suite struct RegistryTests {
    @Test func namesAreUnique() {
        let all = Networks.all
        let (architectures, classes) = (all.map { $0.architecture }, all.flatMap { $0.classNames })
        #expect(Set(architectures).count == architectures.count && Set(classes).count == classes.count)
        #expect(all.allSatisfy { !$0.component.isEmpty && !$0.classNames.isEmpty })
    }

    @Test func everyDenoiserIsBuilt() throws {
        let device = Device.rehearsal()
        for network in Networks.denoisers {
            let configuration = try #require(network.init() as? any DenoiserBuilder, "\(network) is not built")
            let model = configuration.makeDenoiser(numTrainTimesteps: 10, on: device)
            #expect(model.parameterCount > 0)
            #expect(configuration.cost.map { $0.parameters == model.parameterCount } ?? true)
        }
        for network in Networks.autoencoders + Networks.features {
            #expect(network.init() is any NetworkBuilder, "\(network) is not built")
        }
        for network in Networks.textEncoders {
            let configuration = try #require(network.init() as? any TextEncoderBuilder, "\(network) is not built")
            let encoder = configuration.makeTextEncoder(on: device)
            #expect(configuration.cost.map { $0.parameters == encoder.parameterCount } ?? true)
        }
    }

    @Test func configurationsComeBackFromTheirFiles() throws {
        for network in Networks.denoisers {
            let model = ModelConfiguration(network.init())
            #expect(network.classNames.contains(model.className))
            let text = model.config(diffusersVersion: "0.42.1").text
            let again = try ModelConfiguration.read(config: Array(text.utf8)).configuration
            #expect(again.className == model.className && type(of: again.network) == network)
            #expect(again.config(diffusersVersion: "0.42.1") == model.config(diffusersVersion: "0.42.1"))
        }
    }
}
