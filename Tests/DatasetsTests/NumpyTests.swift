import Datasets
import DurableFiles
import Problems
import TestSupport
import Testing

@Suite("numpy's files") struct NumpyTests {
    private static func path(_ name: String) -> String { Fixture.path("Statistics/\(name).npz") }

    private static func numbers(_ file: String, _ name: String) throws -> [Double] {
        let array = try #require(try NumpyArchive(path(file)).array(name, atMost: 1 << 20))
        guard case .numbers(let values) = array.content else { throw Problem(.invalid, "no floats in \(file)") }
        return values
    }

    @Test("are read stored and deflated, in either order, single and double") func reads() throws {
        let stored = try Self.numbers("stored", "sigma")
        #expect(stored.count == 144 && stored[1] == stored[12])
        #expect(try Self.numbers("deflated", "sigma") == stored)
        #expect(try Self.numbers("single", "sigma") == stored.map { Double(Float($0)) })
        #expect(try Self.numbers("columns", "sigma") == Self.numbers("adm", "sigma"))
        // A matrix that is not symmetric tells rows from columns.
        let lopsided = try #require(try NumpyArchive(Self.path("lopsided")).array("sigma", atMost: 1 << 20))
        #expect(lopsided.shape == [12, 5])
        #expect(try NumpyArchive(Self.path("adm")).names == ["arr_0", "mu", "sigma", "mu_s", "sigma_s"])
        #expect(try NumpyArchive(Self.path("named")).array("feature", atMost: 1000)?.content == .text("other"))
        #expect(try NumpyArchive(Self.path("named")).array("count", atMost: 1000)?.content == .integer(3))
        #expect(try NumpyArchive(Self.path("named")).array("nothing", atMost: 1000) == nil)
    }

    @Test("of every plain number type, in either order of bytes") func types() throws {
        let archive = try NumpyArchive(Self.path("types"))
        for name in archive.names where name.contains("_") {
            let array = try #require(try archive.array(name, atMost: 4096))
            let last: Double = name.first == "u" ? 255 : -100
            #expect(array.content == .numbers([0, 1, 100, last]) && array.shape == [4], "\(name)")
        }
        #expect(try archive.array("bool", atMost: 4096)?.content == .numbers([1, 0]))
        #expect(try archive.array("count", atMost: 4096)?.content == .integer(-5))
        let cube = try #require(try archive.array("cube", atMost: 4096))
        #expect(cube.shape == [2, 3, 4] && cube.content == .numbers((0..<24).map(Double.init)))
    }

    @Test("of other elements are refused, and larger ones than allowed") func refuses() throws {
        let other = try #require(throws: Problem.self) {
            try NumpyArchive(Self.path("types")).array("complex", atMost: 1 << 20)
        }
        #expect(
            other.code == .unsupported && other.message.contains("<c16") && other.file?.hasSuffix("types.npz") == true)
        let fields = try #require(throws: Problem.self) {
            try NumpyArchive(Self.path("types")).array("fields", atMost: 1 << 20)
        }
        #expect(fields.code == .unsupported)
        let large = try #require(throws: Problem.self) {
            try NumpyArchive(Self.path("stored")).array("sigma", atMost: 99)
        }
        #expect(large.code == .invalid && large.message.contains("sigma"))
    }

    @Test("are written so that they are read again") func writes() throws {
        let directory = try TemporaryDirectory()
        let arrays = [
            ("mu", NumpyArray([1.5, -0.0, .infinity], shape: [3])),
            ("sigma", NumpyArray([1, 2, 3, 4, 5, 6], shape: [2, 3])),
            ("count", NumpyArray(-7)), ("feature", NumpyArray("pixels é")), ("none", NumpyArray("")),
        ]
        let bytes = NumpyArchive.encode(arrays)
        #expect(bytes == NumpyArchive.encode(arrays))
        try PosixFileSystem().writeAtomically(bytes, to: directory("a.npz"))
        let archive = try NumpyArchive(directory("a.npz"))
        #expect(archive.names == arrays.map(\.0))
        for (name, array) in arrays { #expect(try archive.array(name, atMost: 4096) == array) }
    }

    @Test("that are cut off, or no archive at all, give a problem that names them") func damaged() throws {
        let directory = try TemporaryDirectory()
        let files = PosixFileSystem()
        let whole = try files.read(Self.path("deflated"), limit: 1 << 20)
        for length in [0, 1, 21, 22, 100, whole.count / 2, whole.count - 1] {
            try files.writeAtomically(Array(whole.prefix(length)), to: directory("a.npz"))
            let problem = try #require(throws: Problem.self) { try NumpyArchive(directory("a.npz")) }
            #expect(problem.code == .corrupt && problem.file == directory("a.npz"))
        }
        var flipped = whole
        flipped[80] ^= 1
        try files.writeAtomically(flipped, to: directory("a.npz"))
        let problem = try #require(throws: Problem.self) {
            try NumpyArchive(directory("a.npz")).array("mu", atMost: 1 << 20)
        }
        #expect(problem.code == .corrupt)
        #expect(throws: Problem.self) { try NumpyArchive(directory("absent.npz")) }
    }
}
