import DurableFiles
import Foundation
import Glibc
import JobSpec
import Media
import Problems
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

/// Trainings, samples and extensions of video with a network of a few thousand parameters, 8 x 8 pixels and clips of 4 frames.
@Suite("video") struct VideoTests {
    private let files = PosixFileSystem()

    private func trained(_ scene: Scene) async throws -> JobDirectory { try await scene.trained(TinyJobs.video()) }

    /// Frames whose pixels all differ.
    private static func clip(_ count: Int, width: Int = 8, height: Int = 8, first: Int = 0) -> [Image] {
        (first..<first + count).map { frame in
            Image(
                width: width, height: height, channels: 3,
                bytes: (0..<width * height * 3).map { UInt8(truncatingIfNeeded: 7 * frame + 3 * $0) })
        }
    }

    /// A directory of frames among the spool's data.
    @discardableResult
    private func write(_ frames: [Image], _ name: String, _ scene: Scene) throws -> String {
        let path = scene.spool("data/\(name)")
        try files.createDirectory(path, mode: 0o700)
        for (number, frame) in frames.enumerated() {
            try files.writeAtomically(PNG.encode(frame), to: "\(path)/\(1000 + number).png")
        }
        return path
    }

    private func extending(_ video: String, _ more: String) -> String {
        """
        {"kind": "video_extend", "name": "more", "model": "job:1", "video": "\(video)", \(more)
         "sampler": {"name": "ddpm", "steps": 5}, "seed": 3}
        """
    }

    /// Makes the directory of a job, whose paths start from the spool.
    private func job(_ id: Int, _ text: String, _ scene: Scene) throws -> JobDirectory {
        try scene.job(id, text.replacing("\"data/", with: "\"\(scene.spool("data/"))"))
    }

    private func frames(_ job: JobDirectory) throws -> [Image] {
        try files.list(job("outputs/frames")).entries.map(\.name).sorted().map {
            try ImageFile.read(job("outputs/frames/\($0)"))
        }
    }

    /// What ffprobe reads: frames and their rate.
    private func probe(
        _ path: String, _ entries: String = "stream=width,height,r_frame_rate,nb_read_frames"
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "csv=p=0", path,
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    // MARK: - Training and sampling

    @Test("is trained on, drawn, and written as any player reads it") func draws() async throws {
        let scene = try Scene()
        let training = try await trained(scene)
        #expect(try training.exists("outputs/preview-00000020.png"))
        #expect(training.log.contains("tokens"))
        for (id, format) in [(2, "mp4"), (3, "gif")] {
            let job = try scene.job(id, TinyJobs.clips(extra: "\"fps\": 5, \"output\": {\"video\": \"\(format)\"},"))
            try await job.succeed()
            for sample in 0..<3 {
                #expect(try probe(job("outputs/0000\(sample).\(format)")) == "8,8,5/1,4", "\(format) \(sample)")
            }
            #expect(try ImageFile.read(job("outputs/grid.png")).height > 3 * 8)
            #expect(try job.json("outputs/manifest.json")["images"]?.elements?[2]["file"]?.string == "00002.\(format)")
        }
        let larger = try scene.job(
            4,
            TinyJobs.clips(
                extra: "\"frames\": 7, \"size\": [8, 12], \"output\": {\"video\": \"png\", \"grid\": false},"))
        try await larger.succeed()
        #expect(try files.list(larger("outputs/00001")).entries.count == 7)
        let frame = try ImageFile.read(larger("outputs/00001/00006.png"))
        #expect(frame.width == 12 && frame.height == 8)
    }

    @Test("begins with the picture that it is given") func imageToVideo() async throws {
        let scene = try Scene()
        _ = try await trained(scene)
        let picture = Self.clip(1)[0]
        try files.writeAtomically(PNG.encode(picture), to: scene.spool("data/first.png"))
        for (id, image) in [(2, "\"image\": \"data/first.png\","), (3, "")] {
            let job = try job(id, TinyJobs.clips(extra: "\(image) \"output\": {\"video\": \"png\"},"), scene)
            try await job.succeed()
            for sample in 0..<3 {
                let first = try ImageFile.read(job("outputs/0000\(sample)/00000.png"))
                #expect((first == picture) == !image.isEmpty)
            }
        }
    }

    // MARK: - Extension

    @Test(
        "is carried on in any direction, and keeps every bit of what is given",
        arguments: [("forward", 0, 6 + 7), ("backward", 7, 6 + 7), ("both", 7, 6 + 14)])
    func extends(direction: String, first: Int, count: Int) async throws {
        let scene = try Scene()
        _ = try await trained(scene)
        let given = Self.clip(6)
        try write(given, "clip", scene)
        let job = try job(
            2,
            extending(
                "data/clip", "\"frames\": 7, \"context_frames\": 2, \"direction\": \"\(direction)\", \"fps\": 12,"),
            scene)
        try await job.succeed()
        let all = try frames(job)
        #expect(all.count == count && Array(all[first..<first + 6]) == given)
        #expect(try probe(job("outputs/video.mp4")) == "8,8,12/1,\(count)")
        let manifest = try job.json("outputs/manifest.json")
        #expect(manifest["frames"]?.integer == count && manifest["given"]?.elements?[0]["first"]?.integer == first)
        #expect(manifest["windows"]?.integer == (direction == "both" ? 8 : 4))
        let seams = try #require(manifest["seams"]?.elements)
        #expect(seams.map { $0["frame"]?.integer } == [first, first + 6].filter { $0 > 0 && $0 < count })
        #expect(seams.allSatisfy { ($0["ratio"]?.number ?? 0) > 0 })
        #expect(try !job.exists("checkpoints"))
    }

    @Test("leads from one clip to another") func between() async throws {
        let scene = try Scene()
        _ = try await trained(scene)
        let (a, b) = (Self.clip(3), Self.clip(4, first: 20))
        try write(a, "a", scene)
        try write(b, "b", scene)
        for (id, conditioning) in [(2, "frame_noise"), (3, "replacement")] {
            let job = try job(
                id,
                extending(
                    "data/a",
                    """
                    "to": "data/b", "direction": "between", "frames": 5, "context_frames": 2,
                    "conditioning": "\(conditioning)", "output": {"video": "png"},
                    """), scene)
            try await job.succeed()
            let all = try frames(job)
            #expect(all.count == 12 && Array(all[..<3]) == a && Array(all[8...]) == b)
            #expect(try !job.exists("outputs/video.mp4"))
        }
    }

    @Test("that is killed again and again ends with the same frames") func kills() async throws {
        let scene = try Scene()
        _ = try await trained(scene)
        try write(Self.clip(4), "clip", scene)
        let text = extending("data/clip", "\"frames\": 60, \"context_frames\": 3,").replacing(
            "\"steps\": 5", with: "\"steps\": 30")
        let undisturbed = try job(2, text, scene)
        try await undisturbed.succeed()
        let killed = try job(3, text, scene)
        for (attempt, signal) in [SIGKILL, SIGTERM, SIGKILL].enumerated() {
            let seen = try killed.eventCount()
            let worker = try killed.start(attempt: attempt + 1, threads: attempt % 2 + 1)
            try await eventually("windows are made") { try killed.eventCount() >= seen + 4 || !worker.isRunning }
            worker.send(signal)
            #expect(try await worker.wait() != .status(WorkerExit.succeeded))
        }
        try await killed.succeed(attempt: 4)
        #expect(try undisturbed.products() == killed.products())
        let starts = try killed.events().filter { $0["event"]?.string == "started" }.compactMap { $0["step"]?.integer }
        #expect(starts == starts.sorted() && starts.last ?? 0 > 60)
    }

    // MARK: - Clips as they come

    private func ffmpeg(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["ffmpeg", "-v", "error", "-y"] + arguments
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    /// Whether an ffmpeg works on a file.
    private func isRead(_ path: String) -> Bool {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return processes.contains { id in
            // A process may go while it is looked at.
            let line = (try? String(contentsOfFile: "/proc/\(id)/cmdline", encoding: .utf8)) ?? ""
            return line.hasPrefix("/") && line.contains("/ffmpeg\0") && line.contains(path)
        }
    }

    @Test("an hour of video is refused soon, and leaves no ffmpeg behind when its reading is stopped or killed")
    func longVideo() async throws {
        let scene = try Scene()
        _ = try await trained(scene)
        let path = scene.spool("data/hour.mp4")
        try ffmpeg(["-f", "lavfi", "-i", "color=size=256x192:rate=1:duration=3600", "-preset", "ultrafast", path])
        let refused = try job(2, extending("data/hour.mp4", ""), scene)
        #expect(try await refused.run() == .status(WorkerExit.badInput))
        let problem = try #require(try refused.result().problem)
        #expect(problem.path == "$.video" && problem.message.contains("more than 1000 frames"), "\(problem)")
        #expect(!isRead(path))
        for (id, signal) in [(3, SIGTERM), (4, SIGKILL)] {
            let job = try job(id, extending("data/hour.mp4", "\"max_video_frames\": 100000,"), scene)
            let worker = try job.start()
            try await eventually("the clip is read") { isRead(path) || !worker.isRunning }
            worker.send(signal)
            #expect(try await worker.wait() != .status(WorkerExit.succeeded))
            try await eventually("ffmpeg is gone") { !isRead(path) }
        }
    }

    @Test("a clip's frames keep their own times, unless fps asks for a rate, which is said") func varyingRate()
        async throws
    {
        let scene = try Scene()
        _ = try await trained(scene)
        let path = scene.spool("data/varying.mp4")
        // Every frame after the tenth lasts three times as long.
        try ffmpeg([
            "-f", "lavfi", "-i", "testsrc=size=32x32:rate=20:duration=1", "-vf",
            "setpts='round(if(lt(N,10),N,10+3*(N-10))/20/TB)'", "-fps_mode", "vfr", path,
        ])
        let job = try job(2, extending("data/varying.mp4", "\"frames\": 2,"), scene)
        try await job.succeed()
        let manifest = try job.json("outputs/manifest.json")
        let times = try #require(manifest["times"]?.elements).map { $0.number ?? -1 }
        let wanted: [Double] = (0..<20).map { (frame: Int) -> Double in
            let ticks = frame < 10 ? frame : 10 + 3 * (frame - 10)
            return Double(ticks) / 20
        }
        #expect(times.count == 22 && zip(times, wanted).allSatisfy { abs($0 - $1) < 1e-4 }, "\(times)")
        #expect(manifest["fps"]?.number == 20 && job.log.contains("each counts once"))
        let written = try probe(job("outputs/video.mp4"), "frame=pts_time").split(separator: "\n").compactMap {
            Double($0.split(separator: ",").first ?? "")
        }
        #expect(written.count == 22 && zip(written, times).allSatisfy { abs($0 - $1) < 1e-4 }, "\(written)")
        let asked = try self.job(3, extending("data/varying.mp4", "\"frames\": 2, \"fps\": 10,"), scene)
        try await asked.succeed()
        // ffmpeg's filter fps makes 19 frames of the file.
        let frames = try asked.json("outputs/manifest.json")["frames"]
        #expect(frames?.integer == 21 && asked.log.contains("as fps says"), "\(String(describing: frames))")
    }

    /// By a program that stands for a decoder that a crafted file has taken over.
    @Test("a decoder writes to its pipes only, opens no socket, and reaches no other process") func sealed()
        async throws
    {
        let scene = try Scene()
        _ = try await trained(scene)
        try files.createDirectory(scene.spool("programs"), mode: 0o700)
        let victim = scene.spool("data/victim")
        try files.writeAtomically([1], to: victim)
        let script = """
            #!/bin/bash
            taken=nothing
            { echo x >> '\(victim)'; } 2>/dev/null && taken="$taken, a file"
            { echo x > '\(scene.spool("data/new"))'; } 2>/dev/null && taken="$taken, a directory"
            { echo x > taken; } 2>/dev/null && taken="$taken, its own directory"
            { read -r line < /etc/passwd; } 2>/dev/null && taken="$taken, a file to read"
            { exec 9<> /dev/tcp/127.0.0.1/9 || exec 9<> /dev/udp/127.0.0.1/9; } 2>/dev/null && taken="$taken, a socket"
            kill -TERM $PPID 2>/dev/null && taken="$taken, its parent"
            umask 0; echo "taken: $taken" >&2
            (echo "and a process" >&2)
            exit 1
            """
        try files.writeAtomically(Array(script.utf8), to: scene.spool("programs/ffprobe"), mode: 0o700)
        try files.writeAtomically(Array("GIF89a\u{1}\0\u{1}\0\0\0\0;".utf8), to: scene.spool("data/a.gif"))
        let job = try job(2, extending("data/a.gif", "\"frames\": 2,"), scene)
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] = scene.spool("programs") + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
        _ = try await job.start(environment: environment).wait()
        let cause = try #require(try job.result().problem?.cause)
        #expect(cause.contains("taken: nothing") && !cause.contains("taken: nothing,"), "\(cause)")
        #expect(!cause.contains("and a process"), "\(cause)")
        #expect(try files.read(victim, limit: 10) == [1])
    }

    // MARK: - What cannot be

    struct Bad: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// Of the job.
        var keys: String
        var code: Problem.Code = .invalid
        var path: String
        var tells: String
    }

    static let bad: [Bad] = [
        Bad(
            testDescription: "no file", keys: "\"video\": \"data/none.mp4\"", code: .missing, path: "$.video",
            tells: "none"),
        Bad(
            testDescription: "a file that is no video", keys: "\"video\": \"data/text.mp4\"", code: .corrupt,
            path: "$.video",
            tells: "no video"),
        Bad(
            testDescription: "an empty file", keys: "\"video\": \"data/empty.mp4\"", code: .corrupt, path: "$.video",
            tells: "empty"),
        Bad(
            testDescription: "no frames", keys: "\"video\": \"data/nothing\"", code: .corrupt, path: "$.video",
            tells: "no frames"),
        Bad(
            testDescription: "a stream that breaks off", keys: "\"video\": \"data/broken.y4m\"", code: .corrupt,
            path: "$.video", tells: "frames 0 to 2"),
        Bad(
            testDescription: "frames of two sizes", keys: "\"video\": \"data/odd\"", code: .corrupt, path: "$.video",
            tells: "frame 6"),
        Bad(
            testDescription: "a frame out of the allowed paths", keys: "\"video\": \"data/linked\"", code: .denied,
            path: "$.video", tells: "outside the spool"),
        Bad(
            testDescription: "more context than frames",
            keys: "\"video\": \"data/clip\", \"context_frames\": 7, \"window_frames\": 9",
            path: "$.context_frames", tells: "6 frames"),
        Bad(
            testDescription: "a window that is all context", keys: "\"video\": \"data/clip\", \"context_frames\": 4",
            path: "$.context_frames", tells: "window of 4"),
        Bad(
            testDescription: "a size that patches don't fill", keys: "\"video\": \"data/clip\", \"size\": [8, 10]",
            path: "$.size", tells: "4x4"),
        Bad(
            testDescription: "another size, not to be resized", keys: "\"video\": \"data/large\", \"resize\": false",
            path: "$.video", tells: "12x16"),
        Bad(
            testDescription: "a video longer than allowed", keys: "\"video\": \"data/clip\", \"max_video_frames\": 5",
            path: "$.video", tells: "more than 5 frames"),
        Bad(
            testDescription: "more frames between than the model can make",
            keys:
                "\"video\": \"data/clip\", \"to\": \"data/clip\", \"direction\": \"between\", \"context_frames\": 2, \"frames\": 29",
            path: "$.frames", tells: "32"),
        Bad(
            testDescription: "a class that there is not", keys: "\"video\": \"data/clip\", \"class_labels\": [3]",
            path: "$.class_labels", tells: "3"),
    ]

    @Test("that cannot be carried on says why") func badInput() async throws {
        let scene = try Scene()
        _ = try await trained(scene)
        try write(Self.clip(6), "clip", scene)
        try write(Self.clip(6, width: 16, height: 12), "large", scene)
        try write(Self.clip(6) + Self.clip(1, width: 9), "odd", scene)
        try write([], "nothing", scene)
        let linked = try write(Self.clip(2), "linked", scene)
        #expect(symlink("/etc/hostname", "\(linked)/9999.png") == 0)
        try files.writeAtomically(Array("no video".utf8), to: scene.spool("data/text.mp4"))
        try files.writeAtomically([], to: scene.spool("data/empty.mp4"))
        let rate = try #require(FrameRate(5))
        let whole = Y4M.encode(Self.clip(4), rate: rate)
        try files.writeAtomically(Array(whole.dropLast(100)), to: scene.spool("data/broken.y4m"))
        for (index, bad) in Self.bad.enumerated() {
            let text = "{\"kind\": \"video_extend\", \"model\": \"job:1\", \(bad.keys)}"
            let job = try job(index + 2, text, scene)
            #expect(try await job.run() == .status(WorkerExit.badInput), "\(bad)")
            let problem = try #require(try job.result().problem, "\(bad)")
            #expect(problem.code == bad.code && problem.path == bad.path, "\(bad): \(problem)")
            #expect(problem.message.contains(bad.tells) && problem.remedy != nil, "\(bad): \(problem)")
        }
    }

    @Test("is not what a model of pictures makes") func wrongModel() async throws {
        let scene = try Scene()
        _ = try await scene.trained()
        try write(Self.clip(6), "clip", scene)
        for (id, text, path) in [
            (2, extending("data/clip", ""), "$.model"), (3, TinyJobs.clips(extra: "\"frames\": 4,"), "$.frames"),
            (4, TinyJobs.clips(extra: "\"output\": {\"video\": \"gif\"},"), "$.output.video"),
        ] {
            let job = try job(id, text, scene)
            #expect(try await job.run() == .status(WorkerExit.badInput))
            #expect(try job.result().problem?.path == path)
        }
    }
}
