import DurableFiles
import JobSpec
import Media
import Problems
import ProgramTestSupport
import Safetensors
import StrictJSON
import Testing

@Suite("a train job") struct TrainingTests {
    @Test("ends with a model, previews, a curve, a manifest and events")
    func everything() async throws {
        let job = try Scene().job(7, TinyJobs.training(steps: 40, extra: "\"save_raw_weights\": true,"))
        try await job.succeed(attempt: 3)

        let result = try job.result(attempt: 3)
        #expect(result.outcome == .succeeded && result.attempt == 3 && result.problem == nil)
        #expect(try #require(result.peakMemory) > 1 << 20)

        for file in ["model_index.json", "scheduler/scheduler_config.json", "unet/config.json"] {
            #expect(try job.json("model/\(file)")["_class_name"]?.string != nil, "\(file)")
        }
        let averaged = try SafetensorsFile(job("model/unet/diffusion_pytorch_model.safetensors"))
        let raw = try SafetensorsFile(job("model/unet/diffusion_pytorch_model.non_ema.safetensors"))
        #expect(averaged.names == raw.names)
        #expect(try averaged.floats("conv_in.weight") != raw.floats("conv_in.weight"))

        for name in ["loss.png", "preview-00000020.png", "preview-00000040.png"] {
            #expect(try ImageFile.read(job("outputs/\(name)")).width > 0)
        }
        #expect(String(decoding: try job.bytes("outputs/loss.svg"), as: UTF8.self).contains("<svg"))
        #expect(try job.bytes("outputs/previews.gif").starts(with: Array("GIF89a".utf8)))
        #expect(try job.bytes("outputs/preview-00000020.png") != job.bytes("outputs/preview-00000040.png"))

        let manifest = try job.json("outputs/manifest.json")
        #expect(manifest["kind"]?.string == "train" && manifest["seed"]?.integer == 1)
        #expect(manifest["model"]?.string == "UNet2DModel" && manifest["steps"]?.integer == 40)
        #expect(manifest["training_samples"]?.integer == 84)
        #expect(try #require(manifest["final_loss"]?.number) > 0)
        #expect(try #require(manifest["final_validation_loss"]?.number) > 0)
        #expect(manifest["kernels"]?["openblas"]?.string?.isEmpty == false)
        #expect(manifest["versions"]?["diffd"]?.string == Release.version)
        #expect(manifest["this_attempt"]?["attempt"]?.integer == 3)
        #expect(manifest["this_attempt"]?["steps"]?.integer == 40)
        #expect(try #require(manifest["this_attempt"]?["seconds_per_step"]?.number) > 0)

        let progress = try JSONText.decode(JobProgress.self, from: job.bytes(WorkerFiles.progress))
        #expect(progress.step == 40 && progress.fraction == 1 && progress.loss != nil)
        #expect(job.log.contains("training for 40 steps") && job.log.contains("step 40 of 40"))
    }

    @Test("tells each of its events in a line of JSON")
    func events() async throws {
        let job = try Scene().job(1, TinyJobs.training(steps: 20))
        try await job.succeed()
        let events = try job.events()
        for event in events {
            #expect(event["event"]?.string != nil && event["attempt"]?.integer == 1)
            #expect(event["time"]?.string?.hasSuffix("Z") == true)
        }
        func steps(_ name: String) -> [Int] {
            events.filter { $0["event"]?.string == name }.compactMap { $0["step"]?.integer }
        }
        #expect(steps("started") == [0])
        #expect(steps("loss") == Array(1...20))
        #expect(steps("checkpoint") == [5, 10, 15, 20])
        #expect(steps("preview") == [20])
        #expect(steps("validation") == [5, 10, 15, 20])
        #expect(events.last?["event"]?.string == "model")
        #expect(
            try PosixFileSystem().list(job("checkpoints")).entries.map(\.name).contains("step-00000020.safetensors"))
    }

    @Test("of points ends with the points it saw beside its model")
    func points() async throws {
        let job = try Scene().job(1, TinyJobs.points(steps: 40))
        try await job.succeed()
        let file = try SafetensorsFile(job("model/training_points.safetensors"))
        #expect(try file.info("points").shape == [500, 2])
        #expect(try job.json("model/denoiser/config.json")["_class_name"]?.string == "MLPDenoiser")
    }

    @Test("makes the same bits with one thread and with two", arguments: [0, 0.1])
    func threads(dropout: Double) async throws {
        let scene = try Scene()
        let one = try scene.job(1, TinyJobs.training(steps: 20, dropout: dropout))
        let two = try scene.job(2, TinyJobs.training(steps: 20, dropout: dropout))
        try await one.succeed(threads: 1)
        try await two.succeed(threads: 2)
        #expect(try one.products() == two.products())
    }

    @Test("that diverges goes back three times, then names the step")
    func divergence() async throws {
        let job = try Scene().job(
            1,
            TinyJobs.training(steps: 40).replacing("\"learning_rate\": 2e-3", with: "\"learning_rate\": 1000")
                .replacing("\"log_every\"", with: "\"optimizer\": \"sgd\", \"max_grad_norm\": null, \"log_every\""))
        #expect(try await job.run() == .status(WorkerExit.failed))
        let problem = try #require(job.result().problem)
        #expect(problem.code == .numerical && problem.message.contains("step") && problem.remedy != nil)
        #expect(try job.events().count { $0["event"]?.string == "recovered" } == 3)
    }
}
