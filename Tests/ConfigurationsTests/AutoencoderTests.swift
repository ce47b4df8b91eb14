import Configurations
import Problems
import StrictJSON
import Testing

@Suite struct AutoencoderTests {
    private func problems(_ text: String) throws -> [Problem] {
        var report = Report()
        _ = AutoencoderKLConfiguration.read(try JSONNode.parse(Array(text.utf8)), into: &report)
        return report.problems
    }

    @Test(arguments: [
        ("{\"block_out_channels\": [32, 65]}", "$.block_out_channels"),
        ("{\"block_out_channels\": [32, 64], \"up_block_types\": [\"UpDecoderBlock2D\"]}", "$.up_block_types"),
        ("{\"down_block_types\": [\"AttnDownEncoderBlock2D\"]}", "$.down_block_types[0]"),
        ("{\"scaling_factor\": 0}", "$.scaling_factor"), ("{\"latents_mean\": [1, 2]}", "$.latents_mean"),
        ("{\"latents_std\": [1, 2, 0, 1]}", "$.latents_std"),
    ])
    func refuses(text: String, path: String) throws {
        let found = try problems(text)
        #expect(found.map(\.path) == [path] && found[0].remedy != nil)
    }

    @Test func blockTypesFollowTheLevels() throws {
        #expect(try problems("{}").isEmpty && problems("{\"block_out_channels\": [32, 64, 64]}").isEmpty)
    }

    @Test func readsBackWhatItWrites() throws {
        var c = AutoencoderKLConfiguration()
        (c.shiftFactor, c.latentsMean) = (0.1, [1, 2, 3, 4])
        let text = Array(c.config(diffusersVersion: "0.42.1").text.utf8)
        let (read, warnings) = try AutoencoderKLConfiguration.read(config: text)
        #expect(read == c && warnings.isEmpty)
        #expect(throws: Problems.self) {
            try AutoencoderKLConfiguration.read(config: Array("{\"_class_name\": \"VQModel\"}".utf8))
        }
    }
}
