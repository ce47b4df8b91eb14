import Configurations
import JobSpec
import Problems
import StrictJSON
import Testing

/// Keys of jobs on models that read text.
@Suite struct PromptTests {
    private func decode(_ members: String) throws -> SampleJob {
        let spec = try JobSpec.decode(
            Array("{\"kind\": \"sample\", \"model\": \"sd\", \(members)}".utf8), fileName: "job.json")
        guard case .sample(let job) = spec else { throw Problem(.internal, "not a sample job") }
        return job
    }

    @Test func promptsAreOneOrMany() throws {
        let one = try decode(#""prompt": "a barn\nin snow""#)
        #expect(one.drawing.prompts.prompt == ["a barn\nin snow"] && one.count == 1)
        let many = try decode(#""prompt": ["a", "", "ü"], "negative_prompt": "blurry""#)
        #expect(many.drawing.prompts.prompt == ["a", "", "ü"] && many.count == 3)
        #expect(many.drawing.prompts.negativePrompt == ["blurry"])
    }

    /// Sampler and guidance are the model's: only it knows which.
    @Test func whatIsLeftOutIsLeftToTheModel() throws {
        let job = try decode(#""prompt": "a""#)
        #expect(job.drawing.sampler.name == nil && job.drawing.sampler.steps == nil)
        #expect(job.drawing.guidanceScale == nil)
        let settled = try SettledSampler(
            job.drawing.sampler, usual: UsualSampler(.euler, steps: 30), over: SchedulerConfiguration())
        #expect(settled.name == .euler && settled.options.steps == 30)
        // A name brings the number of steps that it always had.
        #expect(try decode(#""sampler": {"name": "euler"}"#).drawing.sampler.steps == 50)
        #expect(try decode(#""sampler": {"name": "ddpm"}"#).drawing.sampler.steps == nil)
    }

    @Test func classesHaveNumbersOrNames() throws {
        let job = try decode(#""class_labels": [3, "barn"], "count": 2"#)
        #expect(job.drawing.classLabels == [.number(3), .name("barn")])
        let names = [0: "sea", 1: "barn, farm building", 2: "sea lion", 3: "barn"]
        #expect(try Compatibility.number(ofClass: "farm building", among: names) == 1)
        for name in ["barn", "house"] {
            let misfit = try #require(throws: Misfit.self) { try Compatibility.number(ofClass: name, among: names) }
            #expect(misfit.key == "class_labels")
        }
        #expect(throws: Misfit.self) { try Compatibility.number(ofClass: "sea", among: [:]) }
    }

    @Test func cellsOfASweepOverSamplersHaveTheirOwnSteps() throws {
        let job = try decode(
            #""prompt": "a", "sweep": {"columns": {"key": "sampler.name", "values": ["euler", "ddpm"]}}"#)
        let cells = try #require(try job.cells())
        #expect(cells.map(\.drawing.sampler.steps) == [50, nil])
        #expect(cells.map(\.drawing.sampler.name) == [.euler, .ddpm])
    }

    @Test(arguments: [
        (#""prompt": []"#, "$.prompt"), (#""prompt": 3"#, "$.prompt"),
        (#""prompt": ["a", "b"], "count": 1"#, "$.prompt"),
        (#""prompt": "a\u0007b""#, "$.prompt"),
        (#""prompt": "a", "max_prompt_length": 0"#, "$.max_prompt_length"),
        (#""prompt": "abcdef", "max_prompt_length": 5"#, "$.prompt"),
        (#""prompt": "a", "negative_prompt": "abcdef", "max_prompt_length": 5"#, "$.negative_prompt"),
        (#""prompt": "a", "prompt_file": "p.txt""#, "$.prompt_file"),
        (#""negative_prompt": "a""#, "$.negative_prompt"), (#""clip_skip": 1"#, "$.clip_skip"),
        (#""long_prompt": "chunks""#, "$.long_prompt"), (#""embeddings": ["a.safetensors"]"#, "$.embeddings"),
        (#""loras": [{"path": "a.safetensors"}]"#, "$.loras"),
        (#""prompt": "a", "loras": [{"scale": 1}]"#, "$.loras[0].path"),
        (#""prompt": "a", "loras": [{"path": "a", "model": "b"}]"#, "$.loras[0].path"),
        (#""prompt": "a", "loras": [{"path": "a", "scale": 101}]"#, "$.loras[0].scale"),
        (#""prompt": "a", "class_labels": [0]"#, "$.class_labels"),
        (#""prompt": "a", "guidance_scale": 1, "guidance_rescale": 0.5"#, "$.guidance_rescale"),
        (#""prompt": "a", "switch_at": 0.5"#, "$.switch_at"), (#""refiner": "r""#, "$.refiner"),
        (#""sampler": {"use_karras_sigmas": true}"#, "$.sampler.use_karras_sigmas"),
    ]) func faults(_ members: String, _ path: String) throws {
        let problems = try #require(throws: Problems.self) { try decode(members) }
        #expect(problems.all.contains { $0.path == path && $0.remedy != nil }, "\(problems)")
    }
}
