import Media
import Testing

/// A helper program with two pipes to this process.
@Suite struct ChildProcessTests {
    /// ffmpeg writes pixels before it says how large they are, as soon as its threads have them: more than a pipe holds,
    /// and it waits until they are read.
    @Test func outputThatComesFirstDoesNotHoldUpWhatGoesWithIt() throws {
        let program =
            "i=0; while [ $i -lt 4000 ]; do printf %050d $i; i=$((i+1)); done; printf '#size 0: 8x8\\n#end\\n' >&3; printf more"
        let child = try ChildProcess(
            "sh", ["-c", program], pipes: [.output, .side], limits: VideoLimits(seconds: 60))
        #expect(try child.side(until: "#size")?.first == "#size 0: 8x8")
        var output: [UInt8] = []
        while true {
            let bytes = try child.read(atMost: 1000)
            if bytes.isEmpty { break }
            output += bytes
        }
        #expect(output.count == 200_004 && output.suffix(4).elementsEqual("more".utf8))
        let numbers = (0..<4000).map { number in
            Int(String(decoding: output[number * 50..<(number + 1) * 50], as: UTF8.self))
        }
        #expect(numbers == (0..<4000).map { $0 })
    }
}
