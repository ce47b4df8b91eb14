import Configurations
import JobSpec
import Problems
import StrictJSON
import Testing

/// Trainings of diffusion transformers: what follows from what, and what does not fit.
@Suite struct DiTJobTests {
    private static let job = """
        { "kind": "train", "name": "dit",
          "model": { "architecture": "dit", "preset": "S/4", "in_channels": 3, "num_embeds_ada_norm": 3 },
          "dataset": { "format": "synthetic", "name": "shapes", "resolution": 16 },
          "training": { "steps": 10 } }
        """

    private func decode(_ text: String) throws -> JobSpec {
        try JobSpec.decode(Array(text.utf8), fileName: "dit.json")
    }

    @Test func sizeAndDropoutFollow() throws {
        let spec = try decode(Self.job)
        guard case .train(let job) = spec, let dit = job.model.network as? DiTConfiguration else {
            Issue.record("not a transformer's training")
            return
        }
        #expect(dit.sampleSize == 16 && dit.width == 384 && dit.tokens == 16)
        #expect(job.dataset.images?.channels == 3 && job.training.classDropoutProb == 0.1)
        #expect(spec.cost?.parameters == dit.cost?.parameters && spec.cost?.multiplyAdds == dit.cost?.multiplyAdds)
        #expect(try decode(spec.json.text) == spec)
    }

    @Test(arguments: [
        ("\"num_embeds_ada_norm\": 3", "\"num_embeds_ada_norm\": 2", "$.model.num_embeds_ada_norm"),
        ("\"in_channels\": 3", "\"in_channels\": 3, \"out_channels\": 4", "$.model.out_channels"),
        ("\"in_channels\": 3, ", "", "$.model.in_channels"),
        ("\"resolution\": 16", "\"resolution\": 18", "$.dataset.resolution"),
        ("\"preset\": \"S/4\"", "\"preset\": \"S\"", "$.model.preset"),
    ])
    func refuses(old: String, new: String, path: String) throws {
        let problems = try #require(throws: Problems.self) { try decode(Self.job.replacing(old, with: new)) }
        #expect(problems.all.map(\.path) == [path] && problems.all[0].remedy != nil)
    }
}
