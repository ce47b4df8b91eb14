import Foundation
import Media
import Problems
import TestSupport
import Testing

/// Runs ffprobe or ffmpeg as a user would, to judge what was written; nil where it is not installed.
enum Judge {
    static let isThere = FileManager.default.isExecutableFile(atPath: "/usr/bin/ffmpeg")

    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/\(program)")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self)
    }

    /// Codec, pixel format, size, rate and number of frames, which are decoded to be counted.
    static func facts(_ path: String) throws -> [String] {
        let entries = "stream=codec_name,pix_fmt,width,height,r_frame_rate,nb_read_frames"
        let text = try run(
            "ffprobe",
            [
                "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries", entries, "-of", "csv=p=0",
                path,
            ])
        return text.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: ",").map(String.init)
    }
}

extension TemporaryDirectory {
    /// Writes a file, in a folder that is made, and returns its path.
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        let file = URL(filePath: self(name))
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
        return self(name)
    }
}

/// A bright square that moves one pixel a frame over a gradient.
func movingSquare(frames: Int, width: Int = 32, height: Int = 24) -> [Image] {
    (0..<frames).map { frame in
        let bytes = (0..<height).flatMap { y in
            (0..<width).flatMap { x -> [UInt8] in
                let isInside = (frame..<frame + 6).contains(x) && (8..<14).contains(y)
                return isInside ? [250, 200, 30] : [UInt8(truncatingIfNeeded: 4 * x), UInt8(5 * y), 90]
            }
        }
        return Image(width: width, height: height, channels: 3, bytes: bytes)
    }
}

/// The largest difference between two clips' samples.
func largestDifference(_ a: [Image], _ b: [Image]) -> Int {
    zip(a, b).flatMap { zip($0.samples, $1.samples).map { abs(Int($0) - Int($1)) } }.max() ?? 0
}

func meanDifference(_ a: [Image], _ b: [Image]) -> Double {
    let differences = zip(a, b).flatMap { zip($0.samples, $1.samples).map { abs(Int($0) - Int($1)) } }
    return Double(differences.reduce(0, +)) / Double(max(1, differences.count))
}

@Suite("Y4M and folders of frames") struct PlainVideoTests {
    @Test("Y4M comes back to within 2, with its rate", arguments: [1, 3])
    func roundTrip(channels: Int) throws {
        let directory = try TemporaryDirectory()
        let frames = movingSquare(frames: 4, width: 31, height: 17).map { $0.converted(toChannels: channels) }
        let rate = try #require(FrameRate(30000, 1001))
        let path = try directory.write(Y4M.encode(frames, rate: rate), to: "a.y4m")
        let clip = try VideoFile.read(path)
        #expect(clip.rate == rate && clip.frames.count == 4 && !clip.isCutOff)
        #expect(largestDifference(clip.frames, frames) <= 2)
    }

    @Test("halved chroma belongs to all pixels that share it") func subsampled() throws {
        let directory = try TemporaryDirectory()
        // 3 x 3: luma, then 2 x 2 of each chroma; blue is far from grey in the last block only.
        let planes = [UInt8](repeating: 126, count: 9) + [128, 128, 128, 200] + [128, 128, 128, 128]
        let path = try directory.write(
            Array("YUV4MPEG2 W3 H3 F10:1 C420jpeg\nFRAME\n".utf8) + planes, to: "a.y4m")
        let frame = try VideoFile.read(path).frames[0]
        #expect(Array(frame[0, 0]) == [128, 128, 128] && Array(frame[1, 1]) == Array(frame[0, 0]))
        #expect(frame[2, 2].last == 255)
    }

    @Test("damage is told with the frames before it") func brokenY4M() throws {
        let directory = try TemporaryDirectory()
        let bytes = Y4M.encode(movingSquare(frames: 3), rate: try #require(FrameRate(10)))
        let cut = try directory.write(Array(bytes.dropLast(100)), to: "cut.y4m")
        let problem = #expect(throws: Problem.self) { try VideoFile.read(cut) }
        #expect(problem?.code == .corrupt && problem?.message.contains("frames 0 to 1 are whole") == true)
        let none = try directory.write(Array("YUV4MPEG2 W4 H4 F10:1\n".utf8), to: "none.y4m")
        #expect(#expect(throws: Problem.self) { try VideoFile.read(none) }?.message == "the video has no frames")
        for header in [
            "YUV4MPEG2 W0 H4\n", "YUV4MPEG2 W4 H4 C420p10\n", "YUV4MPEG2 W99999999 H99999999\n", "YUV4MPEG2 W4",
        ] {
            let path = try directory.write(Array(header.utf8), to: "bad.y4m")
            #expect(#expect(throws: Problem.self) { try VideoFile.read(path) }?.file == path)
        }
    }

    @Test("a folder of pictures is a video in the order of their names") func folder() throws {
        let directory = try TemporaryDirectory()
        let frames = movingSquare(frames: 3)
        for (name, frame) in zip(["b.png", "a.png", "c.png"], frames) {
            _ = try directory.write(PNG.encode(frame), to: "clip/\(name)")
        }
        _ = try directory.write([1, 2], to: "clip/notes.txt")
        let clip = try VideoFile.read(directory.path + "/clip")
        #expect(clip.rate == nil && clip.frames == [frames[1], frames[0], frames[2]])
        _ = try directory.write(PNG.encode(movingSquare(frames: 1, width: 8)[0]), to: "clip/d.png")
        #expect(throws: Problem.self) { try VideoFile.read(directory.path + "/clip") }
    }

    @Test("numbers in the names of frames count as numbers") func numbered() throws {
        let directory = try TemporaryDirectory()
        let names = [
            "frame1.png", "frame2.png", "frame9.png", "frame010.png", "frame10.png", "frame11.png", "frame100.png",
            "x2y3.png", "x2y20.png", "x10y1.png",
        ]
        let frames = movingSquare(frames: names.count)
        for (name, frame) in zip(names, frames).reversed() {
            _ = try directory.write(PNG.encode(frame), to: "clip/\(name)")
        }
        #expect(try VideoFile.read(directory.path + "/clip").frames == frames)
    }

    @Test("no more frames are read than allowed") func bounded() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(
            Y4M.encode(movingSquare(frames: 9), rate: try #require(FrameRate(10))), to: "a.y4m")
        let clip = try VideoFile.read(path, limits: VideoLimits(frames: 5))
        #expect(clip.frames.count == 5 && clip.isCutOff)
        #expect(try !VideoFile.read(path, limits: VideoLimits(frames: 9)).isCutOff)
        let problem = #expect(throws: Problem.self) {
            try VideoFile.read(path, limits: VideoLimits(memory: 3 * 2 * 32 * 24 * 3))
        }
        #expect(problem?.code == .invalid)
    }

    @Test("rates are fractions in lowest terms, within bounds") func rates() {
        #expect(FrameRate(50, 2)?.description == "25" && FrameRate("30000/1001")?.perSecond == 30000.0 / 1001)
        #expect(FrameRate("25:1") == FrameRate(25) && FrameRate(perSecond: 12.5)?.description == "25/2")
        for bad in ["0/0", "25/0", "-1/1", "1/1000", "x", "1/2/3", ""] { #expect(FrameRate(bad) == nil) }
    }
}

@Suite("Compressed video", .enabled(if: Judge.isThere)) struct FFmpegTests {
    @Test(
        "an MP4 is H.264 for browsers, with the frames and the rate asked for", arguments: ["25", "30000/1001", "25/2"])
    func mp4(rate: String) throws {
        let directory = try TemporaryDirectory()
        let frames = movingSquare(frames: 11)
        let rate = try #require(FrameRate(rate))
        let bytes = try MP4.encode(frames, rate: rate)
        #expect(try MP4.encode(frames, rate: rate) == bytes)
        let path = try directory.write(bytes, to: "a.mp4")
        let wanted = "\(rate.numerator)/\(rate.denominator)"
        #expect(try Judge.facts(path) == ["h264", "32", "24", "yuv420p", wanted, "11"])
        // The index is before the pictures.
        let text = String(decoding: bytes, as: Unicode.ASCII.self)
        #expect(try #require(text.range(of: "moov")).lowerBound < #require(text.range(of: "mdat")).lowerBound)
        let clip = try VideoFile.read(path)
        #expect(clip.rate == rate && clip.frames.count == 11)
        #expect(meanDifference(clip.frames, frames) < 5)
    }

    @Test("sides of odd length become even") func odd() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(
            MP4.encode(movingSquare(frames: 2, width: 31, height: 23), rate: try #require(FrameRate(8))), to: "a.mp4")
        #expect(try Judge.facts(path)[1...2] == ["32", "24"])
    }

    @Test(
        "files of every usual format are read, whatever they are called",
        arguments: ["gif", "webm", "mov", "mkv", "avi", "ts", "mts", "mpg", "m2v", "flv", "wmv"])
    func formats(name: String) throws {
        let directory = try TemporaryDirectory()
        let frames = movingSquare(frames: 10)
        let source = try directory.write(Y4M.encode(frames, rate: try #require(FrameRate(25))), to: "a.y4m")
        let path = "\(directory.path)/a.\(name)"
        let codec =
            ["webm": ["-c:v", "libvpx", "-crf", "4", "-b:v", "2M"], "mts": ["-mpegts_m2ts_mode", "1"]][name] ?? []
        _ = try Judge.run("ffmpeg", ["-v", "error", "-i", source, "-q:v", "2"] + codec + [path])
        #expect(VideoFile.Format.isNamed(path))
        let clip = try VideoFile.read(
            try directory.write(Array(try Data(contentsOf: URL(filePath: path))), to: "video"))
        #expect(clip.frames.count == 10 && clip.rate == FrameRate(25) && clip.notes.isEmpty, "\(clip.notes)")
        #expect(meanDifference(clip.frames, frames) < 12)
    }

    @Test("a GIF of ours is read back exactly, at its rate") func ownGIF() throws {
        let directory = try TemporaryDirectory()
        let frames = movingSquare(frames: 5, width: 16, height: 12)
        let path = try directory.write(GIF.encode(frames, delay: 0.1), to: "a.gif")
        #expect(try Judge.facts(path).last == "5")
        let clip = try VideoFile.read(path)
        #expect(clip.frames == frames && clip.rate == FrameRate(10))
    }

    @Test("each frame of a varying rate counts once, with its own time, and sound is left out") func varying() throws {
        let directory = try TemporaryDirectory()
        let source = try directory.write(
            Y4M.encode(movingSquare(frames: 20), rate: try #require(FrameRate(20))), to: "a.y4m")
        let path = directory.path + "/a.mp4"
        // Every frame after the tenth lasts three times as long.
        let timing = "setpts='round(if(lt(N,10),N,10+3*(N-10))/20/TB)'"
        _ = try Judge.run(
            "ffmpeg",
            [
                "-v", "error", "-i", source, "-f", "lavfi", "-i", "anullsrc", "-shortest", "-vf", timing, "-fps_mode",
                "vfr",
                path,
            ])
        let clip = try VideoFile.read(path)
        #expect(clip.notes.count == 2 && clip.frames.count == 20 && clip.rate == nil)
        let starts = try #require(clip.times).starts
        let wanted = (0..<20).map { 50_000 * ($0 < 10 ? $0 : 10 + 3 * ($0 - 10)) }
        #expect(zip(starts, wanted).allSatisfy { abs($0 - $1) <= 100 }, "\(starts)")
    }

    @Test("what is no video is an error that names the file") func noVideo() throws {
        let directory = try TemporaryDirectory()
        for (name, bytes) in [
            ("empty.mp4", []), ("text.mp4", Array("nothing to see here".utf8)),
            ("claim.mp4", Array("\0\0\0\u{10}ftypisom\0\0\0\0".utf8)), ("claim.gif", Array("GIF89a".utf8)),
            // A playlist of other files, which ffmpeg would open by itself.
            ("list.mp4", Array("#EXTM3U\n#EXTINF:1,\nfile:/etc/passwd\n".utf8)),
        ] {
            let path = try directory.write(bytes, to: name)
            let problem = #expect(throws: Problem.self) { try VideoFile.read(path) }
            #expect(problem?.code == .corrupt && problem?.file == path)
        }
        #expect(#expect(throws: Problem.self) { try VideoFile.read(directory.path + "/none.mp4") }?.code == .missing)
    }

    @Test("a stream broken in the middle is told with the frames before it", arguments: ["mp4", "webm", "gif"])
    func broken(name: String) throws {
        let directory = try TemporaryDirectory()
        let source = try directory.write(
            Y4M.encode(movingSquare(frames: 60, width: 80), rate: try #require(FrameRate(20))), to: "a.y4m")
        let whole = "\(directory.path)/a.\(name)"
        _ = try Judge.run(
            "ffmpeg", ["-v", "error", "-i", source, "-g", "5", "-bf", "0", "-movflags", "+faststart", whole])
        var bytes = Array(try Data(contentsOf: URL(filePath: whole)))
        bytes.removeLast(bytes.count / 4)
        let problem = #expect(throws: Problem.self) { try VideoFile.read(try directory.write(bytes, to: "b.\(name)")) }
        #expect(problem?.code == .corrupt && problem?.message.contains("frames 0 to ") == true)
    }

    @Test("reading that ends early, or takes too long, leaves no child behind") func noChildren() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/long.mp4"
        // An hour of video in a small file.
        _ = try Judge.run(
            "ffmpeg",
            ["-v", "error", "-f", "lavfi", "-i", "color=size=32x32:rate=1:duration=3600", "-preset", "ultrafast", path])
        let clip = try VideoFile.read(path, limits: VideoLimits(frames: 7))
        #expect(clip.frames.count == 7 && clip.isCutOff)
        do {
            let reader = try VideoFile.open(path)
            #expect(try reader.next() != nil)
        }
        // A reader that is gone has no child: there is nobody to wait for but those of other tests' threads.
        let own = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
        for thread in own {
            let children = try? String(contentsOfFile: "/proc/self/task/\(thread)/children", encoding: .utf8)
            for child in (children ?? "").split(separator: " ") {
                let arguments = try? String(contentsOfFile: "/proc/\(child)/cmdline", encoding: .utf8)
                #expect(arguments?.contains("long.mp4") != true)
            }
        }
    }
}
