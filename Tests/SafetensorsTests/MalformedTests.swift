import DurableFiles
import Foundation
import Problems
import Safetensors
import TestSupport
import Testing

@Suite struct MalformedTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func open(_ bytes: [UInt8], _ name: String = "model.safetensors") throws -> SafetensorsFile {
        let path = directory(name)
        try PosixFileSystem().writeAtomically(bytes, to: path)
        return try SafetensorsFile(path)
    }

    /// Headers over 8 bytes of data, and a word that the message must say.
    static let headers: [(header: String, says: String)] = [
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "not the size of F32 [2]"),
        (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#, "ends within tensor a"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "4 bytes after its last tensor"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "hole between the header and tensor a"),
        (
            #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
            "hole between tensor a and tensor b"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            "tensor b overlap tensor a"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            "tensor b overlap tensor a"
        ),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "no pair of begin and end"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"#, "no pair of begin and end"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#, "no pair of begin and end"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}"#, "ends within tensor a"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}"#, "no pair of begin and end"),
        (#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#, "not the size of"),
        (#"{"a":{"dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8]}}"#, "not the size of"),
        (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "no list of sizes"),
        (#"{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}"#, "no list of sizes"),
        (#"{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}"#, "no list of sizes"),
        (#"{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}"#, "unknown dtype F33"),
        (#"{"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}"#, "dtype that is not text"),
        (#"{"a":{"dtype":"F32","shape":[2]}}"#, "not just dtype, shape and data_offsets"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}}"#, "not just dtype"),
        (#"{"a":[]}"#, "not just dtype"),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            "is not JSON"
        ),
        (#"{"__metadata__":{"step":3},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "not text: step"),
        (#"{"__metadata__":[],"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "not an object"),
        (#"["a"]"#, "does not begin with {"),
        (#" {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "does not begin with {"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#, "is not JSON"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x"#, "is not JSON"),
        ("", "does not begin with {"),
    ]

    @Test(arguments: headers)
    func malformedHeader(header: String, says: String) throws {
        let problem = try #require(throws: Problem.self) {
            try open(fileBytes(header, [UInt8](repeating: 0, count: 8)))
        }
        #expect(problem.code == (says.contains("unknown") ? .unsupported : .corrupt))
        #expect(problem.message.contains(says), "\(problem)")
        #expect(problem.file == directory("model.safetensors"))
        #expect(problem.remedy != nil)
    }

    @Test func wellFormedOddities() throws {
        let data = [UInt8](repeating: 0, count: 8)
        let accepted = [
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}         "#,
            #"{"a":{"shape":[1,2,1],"data_offsets":[0,8],"dtype":"F32"}}"#,
            #"{"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            #"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"e":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#,
            #"{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]},"e":{"dtype":"F32","shape":[0,9223372036854775807,9],"#
                + #""data_offsets":[0,0]}}"#,
        ]
        for header in accepted { #expect(try open(fileBytes(header, data)).info("a").range.count > 0, "\(header)") }
        #expect(try open(fileBytes("{}")).tensors.isEmpty)
    }

    @Test func truncatedOrNoSuchFile() throws {
        let reference = try ReadingTests.referenceBytes()
        for count in [0, 1, 7, 8, 9, 100, 599, 600, 601, reference.count - 1] {
            let problem = try #require(throws: Problem.self) { try open(Array(reference.prefix(count))) }
            #expect(problem.code == .corrupt)
        }
        #expect(throws: Problem.self) { try open(reference + [0]) }
        for length: [UInt8] in [
            [255, 255, 255, 255, 255, 255, 255, 255], [0, 0, 0, 0, 0, 0, 0, 128], [1, 225, 245, 5, 0, 0, 0, 0],
        ] {
            #expect(throws: Problem.self) { try open(length + reference.dropFirst(8)) }
        }
    }

    /// Whatever the bytes: a `Problem`, or a file all of whose tensors can be read.
    @Test func mutations() throws {
        var generator = SeededGenerator(seed: 1)
        let reference = try ReadingTests.referenceBytes()
        let words = [
            "-1", "0", "1", "4", "9223372036854775807", "18446744073709551616", "1e400", "2.0", "[", "]", "{", "}",
            "null", "\"",
        ]
        var refused = 0
        var opened = 0
        for number in 0..<3000 {
            var bytes = reference
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<6, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
                case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...8, using: &generator)))
                case 3:
                    bytes.insert(
                        contentsOf: bytes[place...].prefix(Int.random(in: 1...64, using: &generator)), at: place)
                case 4:
                    // A number of the header becomes another, with the header's length kept right.
                    guard bytes.count > 600,
                        let digit = bytes[8..<590].indices.filter({ (0x30...0x39).contains(bytes[$0]) })
                            .randomElement(using: &generator)
                    else { continue }
                    let word = Array(words.randomElement(using: &generator)!.utf8)
                    bytes.replaceSubrange(digit...digit, with: word)
                    let length = Int(bytes[0]) + Int(bytes[1]) << 8 + word.count - 1
                    bytes[0] = UInt8(truncatingIfNeeded: length)
                    bytes[1] = UInt8(truncatingIfNeeded: length >> 8)
                default: bytes.removeLast(Int.random(in: 1...min(80, bytes.count), using: &generator))
                }
                if bytes.isEmpty { break }
            }
            do {
                // A new name each time: to replace a file makes ext4 write it out at once.
                let file = try open(bytes, "\(number)")
                for (name, info) in file.tensors {
                    #expect(info.range.lowerBound >= 8 && info.range.upperBound <= bytes.count)
                    #expect(try file.bytes(name) == Array(bytes[info.range]))
                    if [.float16, .bfloat16, .float32, .float64].contains(info.type) {
                        #expect(try file.floats(name).count == info.count)
                    }
                }
                opened += 1
            } catch let problem as Problem {
                #expect(problem.code == .corrupt || problem.code == .unsupported)
                #expect(problem.file != nil)
                refused += 1
            }
        }
        // Changes of data and of names go unnoticed, most others do not.
        #expect(refused > 1500)
        #expect(opened > 50)
    }
}
