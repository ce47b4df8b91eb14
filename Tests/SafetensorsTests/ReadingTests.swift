import DurableFiles
import Foundation
import Problems
import Safetensors
import TestSupport
import Testing

@Suite struct ReadingTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Every type, a scalar, an empty tensor, and two tensors at odd addresses; made with
    ///
    /// ```python
    /// safetensors.torch.save({
    ///     "f32": tensor([[1.5, -2.0, 3.25]]), "f16": tensor([0.1, 65504, -6e-8, inf], dtype=float16),
    ///     "bf16": tensor([1, -3.140625, 1e38], dtype=bfloat16), "f64": tensor([0.1, -1e300], dtype=float64),
    ///     "i64": tensor([[-1], [2**40]]), "flags": tensor([True, False, True]), "scalar": tensor(7.0),
    ///     "empty": zeros(0, 4), "f8": tensor([1.0], dtype=float8_e4m3fn)}, {"format": "pt", "note": 'ä "quoted"'})
    /// ```
    static let reference = """
        UAIAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJub3RlIjoiw6QgXCJxdW90ZWRcIiIsImZvcm1hdCI6InB0In0sImk2NCI6eyJkdHlwZSI6Ikk2NCIs\
        InNoYXBlIjpbMiwxXSwiZGF0YV9vZmZzZXRzIjpbMCwxNl19LCJmNjQiOnsiZHR5cGUiOiJGNjQiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMi\
        OlsxNiwzMl19LCJlbXB0eSI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMCw0XSwiZGF0YV9vZmZzZXRzIjpbMzIsMzJdfSwiZjMyIjp7ImR0eXBl\
        IjoiRjMyIiwic2hhcGUiOlsxLDNdLCJkYXRhX29mZnNldHMiOlszMiw0NF19LCJzY2FsYXIiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6W10sImRh\
        dGFfb2Zmc2V0cyI6WzQ0LDQ4XX0sImJmMTYiOnsiZHR5cGUiOiJCRjE2Iiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbNDgsNTRdfSwiZjE2\
        Ijp7ImR0eXBlIjoiRjE2Iiwic2hhcGUiOls0XSwiZGF0YV9vZmZzZXRzIjpbNTQsNjJdfSwiZjgiOnsiZHR5cGUiOiJGOF9FNE0zIiwic2hhcGUi\
        OlsxXSwiZGF0YV9vZmZzZXRzIjpbNjIsNjNdfSwiZmxhZ3MiOnsiZHR5cGUiOiJCT09MIiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbNjMs\
        NjZdfX0gICAgICAg//////////8AAAAAAAEAAJqZmZmZmbk/nHUAiDzkN/4AAMA/AAAAwAAAUEAAAOBAgD9JwJZ+Zi7/ewGAAHw4AQAB
        """

    static func referenceBytes() throws -> [UInt8] { [UInt8](try #require(Data(base64Encoded: reference))) }

    private func open(_ bytes: [UInt8]) throws -> SafetensorsFile {
        let path = directory("model.safetensors")
        try PosixFileSystem().writeAtomically(bytes, to: path)
        return try SafetensorsFile(path)
    }

    @Test func readsEveryType() throws {
        let file = try open(Self.referenceBytes())
        #expect(file.metadata == ["format": "pt", "note": "ä \"quoted\""])
        #expect(file.names == ["i64", "f64", "empty", "f32", "scalar", "bf16", "f16", "f8", "flags"])
        #expect(try file.floats("f32") == [1.5, -2, 3.25])
        #expect(try file.info("f32").shape == [1, 3])
        let halves = try file.floats("f16")
        #expect(halves == [0.0999755859375, 65504, Float(sign: .minus, exponent: -24, significand: 1), .infinity])
        #expect(try file.floats("bf16") == [1, -3.140625, Float(bitPattern: 0x7E96_0000)])
        #expect(try file.floats("f64") == [0.1, -.infinity])
        #expect(try file.integers("i64") == [-1, 1 << 40])
        #expect(try file.bytes("flags") == [1, 0, 1])
        #expect(try file.info("scalar").shape.isEmpty)
        #expect(try file.floats("scalar") == [7])
        #expect(try file.info("empty").shape == [0, 4])
        #expect(try file.floats("empty").isEmpty)
        #expect(try file.bytes("f8") == [0x38])
    }

    @Test func readsIntoGivenMemory() throws {
        let file = try open(Self.referenceBytes())
        var memory: [Float] = [7, 7]
        var span = memory.mutableSpan
        try file.readFloats("bf16", from: 1, into: &span)
        #expect(memory == Array(try file.floats("bf16").dropFirst()))
    }

    /// Longer than the piece in which conversions go.
    @Test func convertsLongTensors() throws {
        let count = 300_001
        let bytes = (0..<count).flatMap { [UInt8($0 & 0x7F), UInt8($0 >> 7 & 0x3F)] }
        let header = #"{"x":{"dtype":"BF16","shape":[\#(count)],"data_offsets":[0,\#(2 * count)]}}"#
        let file = try open(fileBytes(header, bytes))
        let expected = (0..<count).map { Float(bitPattern: UInt32($0 & 0x7F | ($0 >> 7 & 0x3F) << 8) << 16) }
        #expect(try file.floats("x") == expected)
    }

    @Test func wrongUseIsAProblem() throws {
        let file = try open(Self.referenceBytes())
        for name in ["i64", "flags"] {
            let problem = try #require(throws: Problem.self) { try file.floats(name) }
            #expect(problem.code == .unsupported)
            #expect(problem.message.contains(name))
        }
        #expect(throws: Problem.self) { try file.integers("f32") }
        let problem = try #require(throws: Problem.self) { try file.floats("nothing") }
        #expect(problem.code == .missing)
        #expect(problem.file == file.path)
    }

    @Test func fileCutOffAfterOpening() throws {
        let file = try open(Self.referenceBytes())
        #expect(truncate(file.path, 620) == 0)
        let problem = try #require(throws: Problem.self) { try file.floats("f16") }
        #expect(problem.code == .corrupt)
        #expect(try file.integers("i64") == [-1, 1 << 40])
    }

    @Test func missingFile() throws {
        let problem = try #require(throws: Problem.self) { try SafetensorsFile(directory("none.safetensors")) }
        #expect(problem.code == .missing)
        #expect(throws: Problem.self) { try SafetensorsFile(directory.path) }
    }

    @Test func readsWhatPythonWrote() throws {
        let fixture = try Fixture("ops_linear")
        let first = try #require(fixture.cases.first)
        let output = try first.tensor("output")
        #expect(output.shape.reduce(1, *) == output.values.count)
        #expect(try fixture[first.name].tensors(under: "in")["put"] == first.tensor("input"))
        #expect(throws: Problem.self) { try fixture["nothing"] }
        #expect(throws: Problem.self) { try first.tensor("nothing") }
    }

    /// Every number of 8 bits, as torch widens float8_e4m3fn and float8_e5m2.
    @Test(
        arguments: [
            (
                "F8_E4M3",
                [(0x00, 0), (0x01, 0x1p-9), (0x07, 0x7p-9), (0x08, 0x1p-6), (0x38, 1), (0x7e, 448), (0xc1, -2.25)]
            ),
            ("F8_E5M2", [(0x00, 0), (0x01, 0x1p-16), (0x04, 0x1p-14), (0x3c, 1), (0x7b, 57344), (0xc1, -2.5)]),
        ] as [(String, [(Int, Float)])]) func numbersOf8Bits(_ type: String, _ expected: [(bits: Int, value: Float)])
        throws
    {
        let header = Array(#"{"x":{"dtype":"\#(type)","shape":[256],"data_offsets":[0,256]}}"#.utf8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        let values = try open(length + header + (0...255).map { UInt8($0) }).floats("x")
        for (bits, value) in expected { #expect(values[bits] == value) }
        #expect(values[0x7f].isNaN && values[0xff].isNaN)
        // Ascending until they end.
        let finite = values[..<128].prefix { $0.isFinite }
        #expect(finite.count == (type == "F8_E4M3" ? 127 : 124))
        #expect(zip(finite, finite.dropFirst()).allSatisfy(<))
        for bits in 0..<finite.count { #expect(values[bits + 128] == -values[bits]) }
    }
}

/// A file of this header, padded, and these data.
func fileBytes(_ header: String, _ data: [UInt8] = []) -> [UInt8] {
    let json = Array(header.utf8)
    return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json + data
}
