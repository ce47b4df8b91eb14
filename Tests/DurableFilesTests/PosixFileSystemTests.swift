import DurableFiles
import Glibc
import Problems
import TestSupport
import Testing

@Suite struct PosixFileSystemTests {
    let files = PosixFileSystem()
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func problem(_ body: () throws -> Void) -> Problem? {
        do {
            try body()
            return nil
        } catch { return error as? Problem }
    }

    @Test(
        arguments: [
            (ENOENT, .missing), (EACCES, .denied), (EPERM, .denied), (EROFS, .denied), (ENOSPC, .diskFull),
            (EDQUOT, .diskFull),
            (ENOMEM, .outOfMemory), (EIO, .io), (EMFILE, .unavailable), (EXDEV, .unsupported),
        ] as [(Int32, Problem.Code)])
    func systemErrorsBecomeProblems(number: Int32, code: Problem.Code) {
        let problem = Problem(errno: number, cannot: "write to", "/some/where")
        #expect(problem.code == code)
        #expect(problem.message == "cannot write to /some/where")
        #expect(problem.cause == String(cString: strerror(number)))
    }

    @Test func missingFileIsNamed() throws {
        let path = directory("nothing")
        let failures: [() throws -> Void] = [
            { _ = try files.read(path, limit: 1) }, { _ = try files.list(path) }, { try files.removeFile(path) },
            { try files.rename(path, to: directory("other")) },
            { _ = try files.createFile(path + "/file", mode: 0o666) },
            { try files.synchronizeDirectory(path) }, { _ = try SHA256.digest(ofFile: path) },
        ]
        for failure in failures {
            let found = try #require(problem { try failure() })
            #expect(found.code == .missing)
            #expect(found.message.contains(path))
            #expect(found.remedy != nil)
        }
        #expect(try files.status(path) == nil)
        #expect(try files.status(path + "/below") == nil)
    }

    @Test func onlyRegularFilesAreRead() throws {
        try files.writeDurably([1, 2, 3], to: directory("file"))
        try files.createSymbolicLink(directory("link"), to: "file")
        try files.createDirectory(directory("directory"), mode: 0o777)
        #expect(mkfifo(directory("fifo"), 0o666) == 0)
        #expect(problem { _ = try files.read(directory("link"), limit: 10) }?.code == .denied)
        #expect(problem { _ = try files.read(directory("directory"), limit: 10) }?.code == .invalid)
        #expect(problem { _ = try files.read(directory("fifo"), limit: 10) }?.code == .invalid)
        #expect(problem { _ = try DurableLog(directory("fifo"), in: files) }?.code != nil)
        #expect(try files.read(directory("link"), limit: 10, followsLinks: true) == [1, 2, 3])
    }

    @Test func readingIsBounded() throws {
        try files.writeDurably([1, 2, 3], to: directory("file"))
        #expect(try files.read(directory("file"), limit: 3) == [1, 2, 3])
        #expect(problem { _ = try files.read(directory("file"), limit: 2) }?.code == .invalid)
        // Says 0 bytes and has more.
        #expect(try files.read("/proc/self/stat", limit: 4096).count > 10)
        #expect(problem { _ = try files.read("/proc/self/stat", limit: 10) }?.code == .invalid)
    }

    @Test func statusTellsWhatItIs() throws {
        try files.writeDurably([1, 2, 3], to: directory("file"), mode: 0o640)
        try files.link(directory("file"), as: directory("second"))
        let status = try #require(try files.status(directory("file")))
        #expect(status.kind == .regular)
        #expect(status.size == 3)
        #expect(status.mode & 0o600 == 0o600)
        #expect(status.owner == getuid())
        #expect(status.links == 2)
        #expect(try files.status(directory("second"))?.identity == status.identity)
        try files.createSymbolicLink(directory("link"), to: "file")
        #expect(try files.status(directory("link"))?.kind == .symbolicLink)
        #expect(try files.status(directory("link"), followsLinks: true) == files.status(directory("file")))
        #expect(try files.resolved(directory("link")) == directory("file"))
    }

    @Test func listingIsOrderedAndShowsBadNames() throws {
        for name in ["b", "a", "ä", ".hidden"] { try files.writeAtomically([], to: directory(name)) }
        try files.createDirectory(directory("c"), mode: 0o777)
        let bad = directory.path.utf8.map { CChar(bitPattern: $0) } + [0x2F, CChar(bitPattern: 0xFF), 0]
        let descriptor = open(bad, O_CREAT | O_WRONLY, 0o666)
        #expect(descriptor >= 0)
        close(descriptor)
        let listing = try files.list(directory.path)
        #expect(listing.entries.map(\.name) == [".hidden", "a", "b", "c", "ä"])
        #expect(listing.entries.map(\.kind) == [.regular, .regular, .regular, .directory, .regular])
        #expect(listing.unreadableNames == ["\u{FFFD}"])
        let outer = Path.parent(directory.path)
        #expect(problem { _ = try files.synchronizeTree(directory.path) }?.code == .unsupported)
        #expect(outer == "/tmp")
    }

    @Test func creationIsExclusive() throws {
        try files.writeDurably([1], to: directory("file"))
        try files.createSymbolicLink(directory("link"), to: "elsewhere")
        #expect(problem { _ = try files.createFile(directory("file"), mode: 0o666) }?.code == .invalid)
        #expect(problem { _ = try files.createFile(directory("link"), mode: 0o666) }?.code == .invalid)
        #expect(problem { try files.createDirectory(directory("file"), mode: 0o777) }?.code == .invalid)
        #expect(problem { try files.createDirectoriesDurably(directory("file/below")) }?.code == .invalid)
    }

    @Test func exchangeSwapsDirectories() throws {
        for name in ["a", "b"] {
            try files.createDirectory(directory(name), mode: 0o777)
            try files.writeAtomically(Array(name.utf8), to: directory("\(name)/file"))
        }
        try files.exchange(directory("a"), with: directory("b"))
        #expect(try files.read(directory("a/file"), limit: 1) == Array("b".utf8))
        #expect(try files.read(directory("b/file"), limit: 1) == Array("a".utf8))
    }

    @Test(arguments: [
        ("a/b/c", "a/b", "c"), ("/a", "/", "a"), ("a", ".", "a"), ("a/b/", "a", "b"), ("a//b", "a", "b"),
        ("/", "/", "/"),
    ])
    func pathsAreCut(path: String, parent: String, name: String) {
        if path != "/" { #expect(Path.name(path) == name) }
        #expect(Path.parent(path) == parent)
    }

    @Test func pathsAreJoined() {
        #expect(Path.join("a", "b") == "a/b")
        #expect(Path.join("a/", "b") == "a/b")
        #expect(Path.join("a", "/b") == "/b")
        #expect(Path.join("", "b") == "b")
    }
}
