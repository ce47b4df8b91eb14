import DurableFiles
import Glibc
import JobSpec
import Media
import Problems
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

struct BadData: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// What the data set's directory holds, besides ten good pictures.
    var make: @Sendable (_ directory: String) throws -> Void
    var code: Problem.Code
    /// In the message.
    var tells: String
    /// In the name of the file that is to blame; nil: none is.
    var names: String?
}

struct BadModel: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// Spoils a model directory.
    var spoil: @Sendable (_ directory: String) throws -> Void
    var code: Problem.Code
    var tells: String
    var names: String
}

struct BadJob: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var json: String
    var code: Problem.Code
    var path: String
}

/// What only the worker can find out: files that are not what the job takes them for.
@Suite("bad input") struct BadInputTests {
    private static func picture(_ fixture: String, cut: Double = 1) throws -> [UInt8] {
        let bytes = try PosixFileSystem().read(Fixture.path("Media/\(fixture)"), limit: 1 << 20)
        return Array(bytes.prefix(Int(Double(bytes.count) * cut)))
    }

    private static func write(_ bytes: [UInt8], _ path: String) throws {
        try PosixFileSystem().writeAtomically(bytes, to: path)
    }

    static let data: [BadData] = [
        BadData(
            testDescription: "a truncated PNG", make: { try write(picture("rgb_8.png", cut: 0.6), "\($0)/bad.png") },
            code: .corrupt, tells: "", names: "bad.png"),
        BadData(
            testDescription: "a truncated JPEG", make: { try write(picture("rgb_420.jpg", cut: 0.6), "\($0)/bad.jpg") },
            code: .corrupt, tells: "", names: "bad.jpg"),
        BadData(
            testDescription: "an image bomb",
            make: { directory in
                var bytes = try picture("rgb_420.jpg")
                let frame = try #require(bytes.indices.first { bytes[$0...].starts(with: [0xFF, 0xC0] as [UInt8]) })
                for at in frame + 5..<frame + 9 { bytes[at] = 0xFF }
                try write(bytes, "\(directory)/bad.jpg")
            }, code: .invalid, tells: "pixels", names: "bad.jpg"),
        BadData(
            testDescription: "an empty file", make: { try write([], "\($0)/bad.png") }, code: .corrupt, tells: "",
            names: "bad.png"),
        BadData(
            testDescription: "a file that may not be looked at: a link out of the allowed paths",
            make: { symlink("/etc/hostname", "\($0)/bad.png") }, code: .denied, tells: "", names: "bad.png"),
        BadData(
            testDescription: "no pictures",
            make: { directory in
                for entry in try PosixFileSystem().list(directory).entries {
                    try PosixFileSystem().removeFile("\(directory)/\(entry.name)")
                }
            }, code: .invalid, tells: "no ", names: "pictures"),
        BadData(
            testDescription: "no such folder", make: { try PosixFileSystem().removeDurably($0) }, code: .missing,
            tells: "pictures", names: nil),
    ]

    @Test("in a folder of pictures is named, with file, key and remedy", arguments: data)
    func badPictures(_ bad: BadData) async throws {
        let scene = try Scene()
        let directory = scene.spool("data/pictures")
        try PosixFileSystem().createDirectory(directory, mode: 0o700)
        for index in 0..<10 { try Self.write(Self.picture("rgb_8.png"), "\(directory)/\(index).png") }
        try bad.make(directory)
        let job = try scene.job(
            1,
            """
            {"kind": "train", "name": "bad",
             "model": {"architecture": "unet2d", "sample_size": 8, "block_out_channels": [8], "layers_per_block": 1,
                       "norm_num_groups": 4, "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"],
                       "attention_head_dim": 4},
             "dataset": {"format": "image_folder", "path": "\(directory)"}, "training": {"steps": 1, "batch_size": 2}}
            """)
        let problem = try await refused(job)
        #expect(problem.code == bad.code, "\(problem)")
        #expect(problem.message.contains(bad.tells), "\(problem)")
        #expect(problem.path?.hasPrefix("$.dataset") == true, "\(problem)")
        #expect(bad.names.map { problem.file?.contains($0) == true } ?? true, "\(problem)")
    }

    private static let weights = "unet/diffusion_pytorch_model.safetensors"

    /// Rewrites the header of a model's weights.
    private static func header(_ directory: String, _ change: (inout [JSONNode.Member]) throws -> Void) throws {
        let path = "\(directory)/\(weights)"
        let bytes = try PosixFileSystem().read(path, limit: 1 << 24)
        let length = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        var members = try #require(JSONNode.parse(Array(bytes[8..<8 + length])).members)
        try change(&members)
        let header = Array(JSONNode(.object(members)).line.utf8)
        let size = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        try write(size + header + bytes[(8 + length)...], path)
    }

    private static func edit(_ path: String, _ old: String, _ new: String) throws {
        let text = String(decoding: try PosixFileSystem().read(path, limit: 1 << 20), as: UTF8.self)
        #expect(text.contains(old))
        try write(Array(text.replacing(old, with: new).utf8), path)
    }

    static let models: [BadModel] = [
        BadModel(
            testDescription: "overlapping tensors",
            spoil: { directory in
                try header(directory) { members in
                    let tensors = members.indices.filter { members[$0].name != "__metadata__" }
                    members[tensors[1]].node = members[tensors[0]].node
                }
            }, code: .corrupt, tells: "", names: "safetensors"),
        BadModel(
            testDescription: "a tensor beyond the file's end",
            spoil: { directory in
                let path = "\(directory)/\(weights)"
                try write(PosixFileSystem().read(path, limit: 1 << 24).dropLast(64), path)
            }, code: .corrupt, tells: "", names: "safetensors"),
        BadModel(
            testDescription: "a tensor of another name",
            spoil: { directory in
                try header(directory) { members in
                    let index = try #require(members.firstIndex { $0.name == "conv_in.bias" })
                    members[index].name = "conv_in.tilt"
                }
            }, code: .corrupt, tells: "conv_in.", names: "safetensors"),
        BadModel(
            testDescription: "weights of another shape",
            spoil: { try edit("\($0)/unet/config.json", "\"num_class_embeds\": 3", "\"num_class_embeds\": 4") },
            code: .corrupt, tells: "shape", names: "safetensors"),
        BadModel(
            testDescription: "a model of an unknown class",
            spoil: { try edit("\($0)/model_index.json", "UNet2DModel", "UNet9DModel") }, code: .unsupported,
            tells: "UNet9DModel", names: "model_index.json"),
        BadModel(
            testDescription: "no weights", spoil: { try PosixFileSystem().removeFile("\($0)/\(weights)") },
            code: .missing, tells: "weights", names: "safetensors"),
        BadModel(
            testDescription: "no model_index.json",
            spoil: { try PosixFileSystem().removeFile("\($0)/model_index.json") }, code: .missing,
            tells: "model_index.json", names: "model_index.json"),
    ]

    @Test("in a model is named, with file, key and remedy", arguments: models)
    func badModel(_ bad: BadModel) async throws {
        let scene = try Scene()
        let trained = try await scene.trained(TinyJobs.training(steps: 1))
        try bad.spoil(trained("model"))
        let problem = try await refused(try scene.job(2, TinyJobs.sampling(model: "job:1")))
        #expect(problem.code == bad.code, "\(problem)")
        #expect(problem.message.contains(bad.tells), "\(problem)")
        #expect(problem.path?.hasPrefix("$") == true, "\(problem)")
        #expect(problem.file?.contains(bad.names) == true, "\(problem)")
    }

    @Test("such as a model that attends to a text is named before it is loaded")
    func modelOfTexts() async throws {
        let scene = try Scene()
        let trained = try await scene.trained(TinyJobs.training(steps: 1))
        try Self.edit(trained("model/model_index.json"), "UNet2DModel", "UNet2DConditionModel")
        try Self.write(
            Array("{\"_class_name\": \"UNet2DConditionModel\", \"sample_size\": 8}".utf8),
            trained("model/unet/config.json"))
        let problem = try await refused(try scene.job(2, TinyJobs.sampling(model: "job:1")))
        #expect(problem.code == .unsupported && problem.path == "$.model", "\(problem)")
        #expect(problem.message.contains("reads text"), "\(problem)")
    }

    static let jobs: [BadJob] = [
        BadJob(
            testDescription: "a model that is not there", json: TinyJobs.sampling(model: "nobody"), code: .missing,
            path: "$.model"),
        BadJob(
            testDescription: "a job without a model", json: TinyJobs.sampling(model: "job:2"), code: .missing,
            path: "$.model"),
        BadJob(
            testDescription: "a model out of the allowed paths", json: TinyJobs.sampling(model: "/etc"), code: .denied,
            path: "$.model"),
        BadJob(
            testDescription: "a class that the model has not",
            json: TinyJobs.sampling(model: "job:1", classes: "[0, 3]"),
            code: .invalid, path: "$.class_labels"),
        BadJob(
            testDescription: "no classes for a model of classes",
            json: TinyJobs.sampling(model: "job:1", classes: "null"), code: .invalid, path: "$.class_labels"),
        BadJob(
            testDescription: "more steps than the schedule has",
            json: TinyJobs.sampling(model: "job:1", steps: 51), code: .invalid, path: "$.sampler"),
        BadJob(
            testDescription: "a file of images out of the allowed paths",
            json: TinyJobs.training().replacing(", \"num_class_embeds\": 3", with: "").replacing(
                "\"format\": \"synthetic\", \"name\": \"shapes\", \"count\": 100",
                with: "\"format\": \"idx\", \"images\": \"/proc/self/status\""), code: .denied, path: "$.dataset.images"
        ),
    ]

    @Test("in a job is named by its key", arguments: jobs)
    func badJob(_ bad: BadJob) async throws {
        let scene = try Scene()
        _ = try await scene.trained(TinyJobs.training(steps: 1))
        let problem = try await refused(try scene.job(2, bad.json))
        #expect(problem.code == bad.code, "\(problem)")
        #expect(problem.path == bad.path, "\(problem)")
    }

    @Test("of several kinds in one file is told in the log, all of it")
    func several() async throws {
        let job = try Scene().job(
            1, "{\"kind\": \"train\", \"name\": \"x\", \"model\": {\"architecture\": \"gan\"}, \"colour\": 1}")
        _ = try await refused(job)
        let log = job.log
        for key in ["$.model.architecture", "$.colour", "dataset", "training"] { #expect(log.contains(key), "\(key)") }
        #expect(try #require(job.result().problem).cause?.contains("see log.txt") == true)
    }

    /// Runs a job that must be refused with a problem that can be acted on.
    private func refused(_ job: JobDirectory) async throws -> Problem {
        #expect(try await job.run() == .status(WorkerExit.badInput), "\(job.log)")
        let result = try job.result()
        #expect(result.outcome == .failed)
        let problem = try #require(result.problem)
        #expect(problem.remedy?.isEmpty == false, "\(problem)")
        #expect(job.log.contains("error: "))
        _ = try job.events()
        return problem
    }
}
