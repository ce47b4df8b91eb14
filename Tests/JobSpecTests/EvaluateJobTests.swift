import Configurations
import JobSpec
import Problems
import StrictJSON
import Testing

@Suite struct EvaluateJobTests {
    private func decode(_ members: String) throws -> JobSpec {
        try JobSpec.decode(Array("{ \"kind\": \"evaluate\", \(members) }".utf8), fileName: "measure.json")
    }

    private static let bits = "\"model\": \"m/\", \"dataset\": { \"format\": \"image_folder\", \"path\": \"p\" }"

    @Test func eitherMeasureStandsAlone() throws {
        let bits = try decode(Self.bits)
        guard case .evaluate(let job) = bits else {
            Issue.record("not an evaluation")
            return
        }
        #expect(job.count == 256 && job.timesteps == nil && job.samples == nil && job.batchSize == 8)
        #expect(bits.inputs.map(\.path) == ["p", "m/"] && bits.name == "measure" && bits.kind == .evaluate)
        let distance = try decode(
            "\"samples\": \"job:drawn\", \"reference\": \"r.npz\", \"inception\": \"w.safetensors\"")
        #expect(distance.inputs.map(\.role) == [.reference, .inception])
        for spec in [bits, distance, try decode("\"samples\": \"pictures\"")] {
            #expect(try JobSpec.decode(Array(spec.json.text.utf8), fileName: "x.json").inputs == spec.inputs)
        }
    }

    @Test func jobsAndPathsAreToldApart() {
        #expect(PicturesReference("job:7") == .job(.id(7)) && PicturesReference("job:a") == .job(.name("a")))
        #expect(PicturesReference("a") == .path("a") && PicturesReference("job:") == nil)
        #expect(
            PicturesReference("x/A.NPZ")?.isStatistics == true && PicturesReference("job:x.npz")?.isStatistics == false)
    }

    @Test(arguments: [
        ("\"seed\": 1", "$.model"),
        ("\"model\": \"m\"", "$.model"),
        ("\"dataset\": { \"format\": \"synthetic\", \"name\": \"shapes\" }, \"samples\": \"a\"", "$.dataset"),
        ("\(bits), \"reference\": \"a\"", "$.reference"),
        ("\(bits), \"inception\": \"a\"", "$.inception"),
        ("\"samples\": \"a\", \"timesteps\": 10", "$.timesteps"),
        ("\"samples\": \"a\", \"count\": 10", "$.count"),
        ("\"samples\": \"a.npz\"", "$.samples"),
        ("\"samples\": \"a.npz\", \"reference\": \"b.npz\", \"inception\": \"w\"", "$.inception"),
        ("\"samples\": \"a\", \"inception\": \"w.pth\"", "$.inception"),
        ("\"samples\": \"job:/\"", "$.samples"),
        ("\(bits), \"timesteps\": 1", "$.timesteps"),
        ("\(bits), \"batch_size\": 0", "$.batch_size"),
        ("\(bits), \"fid\": true", "$.fid"),
        ("\"model\": \"m\", \"dataset\": { \"format\": \"synthetic\", \"name\": \"spiral\" }", "$.dataset.format"),
    ])
    func refuses(members: String, path: String) throws {
        let problems = try #require(throws: Problems.self) { try decode(members) }
        #expect(problems.all.map(\.path) == [path] && problems.all[0].remedy != nil, "\(problems)")
    }
}
