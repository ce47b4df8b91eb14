import Foundation
import Media
import Problems
import TestSupport
import Testing

/// Videos as they are found, beside what ffmpeg says that they show.
@Suite("odd videos that are whole", .enabled(if: Judge.isThere)) struct FoundVideosTests {
    @Test("a GIF's delays are the frames' own, equal ones and quick ones too") func delays() throws {
        let directory = try TemporaryDirectory()
        let frames = movingSquare(frames: 6, width: 16, height: 12)
        let delays = [0.02, 1.5, 0.02, 0.03, 0.5, 2]
        let path = try directory.write(GIF.encode(frames, delays: delays), to: "a.gif")
        let clip = try VideoFile.read(path)
        #expect(clip.frames == frames && clip.rate == nil)
        #expect(clip.times?.durations == delays.map { Int(($0 * 1e6).rounded()) })
    }

    /// 30 frames of a recorder that rounds to thousandths, some of them equal.
    @Test("equal times lose no frame") func equalTimes() throws {
        let directory = try TemporaryDirectory()
        let source = try directory.write(
            Y4M.encode(movingSquare(frames: 30), rate: try #require(FrameRate(20))), to: "a.y4m")
        let path = directory.path + "/a.webm"
        _ = try Judge.run(
            "ffmpeg",
            [
                "-v", "quiet", "-i", source, "-vf", "setpts='floor(N/2)*0.1/TB'", "-fps_mode", "passthrough",
                "-enc_time_base", "1:1000", "-c:v", "libvpx", path,
            ])
        let counted = try Judge.facts(path).last
        let clip = try VideoFile.read(path)
        #expect(clip.frames.count == Int(counted ?? "") && clip.frames.count > 14)
    }

    @Test("an MP4 of frames that last differently has their times") func timedMP4() throws {
        let directory = try TemporaryDirectory()
        let frames = movingSquare(frames: 6)
        let times = FrameTimes([0, 40_000, 80_000, 180_000, 1_180_000, 1_213_367])
        let rate = try #require(FrameRate(25))
        let bytes = try MP4.encode(frames, rate: rate, times: times)
        #expect(try MP4.encode(frames, rate: rate, times: times) == bytes)
        let clip = try VideoFile.read(try directory.write(bytes, to: "a.mp4"))
        #expect(clip.times?.starts == times.starts && meanDifference(clip.frames, frames) < 5)
    }

    @Test("frames at an asked rate are those of ffmpeg's filter fps", arguments: [5, 10, 24, 60]) func resampled(
        rate: Int
    ) throws {
        let directory = try TemporaryDirectory()
        let frames = (0..<12).map {
            Image(width: 16, height: 16, channels: 3, bytes: [UInt8](repeating: UInt8(20 * $0), count: 768))
        }
        let delays = [0.1, 0.02, 0.02, 0.4, 0.05, 0.07, 0.2, 0.03, 0.03, 0.03, 0.5, 0.1]
        let path = try directory.write(GIF.encode(frames, delays: delays), to: "a.gif")
        let other = directory.path + "/b.y4m"
        _ = try Judge.run("ffmpeg", ["-v", "error", "-i", path, "-vf", "fps=\(rate)", "-pix_fmt", "yuv444p", other])
        let chosen = try #require(try VideoFile.read(path).times).resampled(to: try #require(FrameRate(rate)))
        let wanted = try VideoFile.read(other).frames.map { (Int($0.samples[0]) + 10) / 20 }
        #expect(chosen == wanted)
    }

    @Test("pixels that are not square become it", arguments: ["2", "1/2", "16/15"]) func anamorphic(aspect: String)
        throws
    {
        let directory = try TemporaryDirectory()
        // A white square of 24 x 24 on a picture of 64 x 48, as it is to be seen.
        let stored = ["2": "32:48", "1/2": "64:24", "16/15": "60:48"][aspect] ?? ""
        for name in ["a.mp4", "a.mkv", "a.y4m"] {
            let path = directory.path + "/" + name
            _ = try Judge.run(
                "ffmpeg",
                [
                    "-v", "error", "-f", "lavfi", "-i", "color=black:size=64x48:rate=5:duration=1", "-vf",
                    "drawbox=x=20:y=12:w=24:h=24:color=white:t=fill,scale=\(stored),setsar=\(aspect)", "-pix_fmt",
                    "yuv420p",
                    "-strict", "-1", path,
                ])
            let clip = try VideoFile.read(path)
            let image = clip.frames[0]
            #expect(image.width == 64 && image.height == 48, "\(name): \(image.width) x \(image.height)")
            let row = (0..<image.width).filter {
                image[$0, image.height / 2][image[$0, image.height / 2].startIndex] > 128
            }.count
            let column = (0..<image.height).filter {
                image[image.width / 2, $0][image[image.width / 2, $0].startIndex] > 128
            }.count
            #expect(abs(row - 24) <= 2 && abs(column - 24) <= 2, "\(name): \(row) x \(column)")
            #expect(clip.notes.contains { $0.contains("not square") })
        }
    }

    @Test("transparency lies over white", arguments: ["webm", "mov", "png.mov", "vp8.webm"]) func transparent(
        name: String
    ) throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/a.\(name)"
        let codec = [
            "webm": ["-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"],
            "vp8.webm": ["-c:v", "libvpx", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0"],
            "mov": ["-c:v", "qtrle", "-pix_fmt", "argb"], "png.mov": ["-c:v", "png", "-pix_fmt", "rgba"],
        ]
        _ = try Judge.run(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i", "color=red:size=32x32:rate=5:duration=1,format=rgba", "-vf",
                "geq=r=0:g=0:b=255:a='if(gt(X,15),255,0)'",
            ]
                + (codec[name] ?? []) + [path])
        let clip = try VideoFile.read(path)
        #expect(clip.frames.allSatisfy { $0[4, 16].allSatisfy { $0 > 245 } }, "\(clip.frames[0][4, 16])")
        #expect(clip.frames.allSatisfy { $0[28, 16].first.map { $0 < 40 } == true }, "\(clip.frames[0][28, 16])")
    }

    @Test("interlaced material is deinterlaced, frame by frame, which is said") func interlaced() throws {
        let directory = try TemporaryDirectory()
        for name in ["a.mpg", "a.mp4", "a.y4m"] {
            let path = directory.path + "/" + name
            let codec =
                name == "a.mp4"
                ? ["-flags", "+ildct+ilme", "-x264opts", "tff=1"]
                : name == "a.mpg" ? ["-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-q:v", "2"] : []
            _ = try Judge.run(
                "ffmpeg",
                [
                    "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=50:duration=1", "-vf",
                    "interlace=scan=tff:lowpass=0,format=yuv420p",
                ]
                    + codec + [path])
            let clip = try VideoFile.read(path)
            #expect(clip.frames.count == 25 && clip.rate == FrameRate(25), "\(name): \(clip.frames.count)")
            #expect(clip.notes.contains { $0.contains("interlaced") }, "\(name)")
            let raw = directory.path + "/\(name).rgb"
            _ = try Judge.run(
                "ffmpeg",
                [
                    "-v", "error", "-i", path, "-vf", "bwdif=mode=send_frame:parity=auto:deint=interlaced", "-fps_mode",
                    "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", raw,
                ])
            #expect(clip.frames.flatMap(\.bytes) == Array(try Data(contentsOf: URL(filePath: raw))), "\(name)")
        }
    }

    @Test("high dynamic range is mapped, which is said", arguments: ["smpte2084", "arib-std-b67"])
    func highDynamicRange(curve: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.mkv"
        _ = try Judge.run(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i", "color=gray:size=32x32:rate=5:duration=1", "-pix_fmt",
                "yuv420p10le", "-c:v", "libx265",
                "-x265-params", "log-level=none", "-color_trc", curve, "-color_primaries", "bt2020", "-colorspace",
                "bt2020nc", path,
            ])
        let clip = try VideoFile.read(path)
        #expect(clip.frames.count == 5 && clip.notes.contains { $0.contains("dynamic range") }, "\(clip.notes)")
        let grey = clip.frames[0][16, 16]
        #expect(grey.allSatisfy { abs(Int($0) - Int(grey[grey.startIndex])) <= 3 })
    }

    @Test("frames that fill more than a pipe are those that ffmpeg decodes, bit for bit") func bits() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.mp4"
        _ = try Judge.run(
            "ffmpeg", ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=20:duration=1", path])
        let raw = directory.path + "/a.rgb"
        _ = try Judge.run(
            "ffmpeg",
            ["-v", "error", "-i", path, "-fps_mode", "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", raw])
        let wanted = try Data(contentsOf: URL(filePath: raw))
        #expect(try VideoFile.read(path).frames.flatMap(\.bytes) == Array(wanted))
    }
}
