import DurableFiles
import Problems
import TestSupport
import Testing

/// Each operation, stopped at each of its calls: what is found is the old or the new, and the new once it has returned.
@Suite struct DurableOperationsTests {
    let files = PosixFileSystem()

    private func text(_ path: String) throws -> String? {
        try files.exists(path) ? String(decoding: files.read(path, limit: 1 << 20), as: UTF8.self) : nil
    }

    /// Everything in a directory but temporaries, as `path` or `path: content`.
    private func contents(_ directory: String, below prefix: String = "") throws -> [String] {
        try files.list(directory).entries.filter { !$0.name.contains(".tmp-") }.flatMap { entry -> [String] in
            let path = Path.join(directory, entry.name)
            let shown = prefix + entry.name
            switch entry.kind {
            case .directory: return [shown + "/"] + (try contents(path, below: shown + "/"))
            case .symbolicLink: return ["\(shown) -> \(try files.symbolicLinkTarget(path))"]
            default: return ["\(shown): \(try text(path) ?? "")"]
            }
        }
    }

    /// Runs every crash of `operation` and expects `old` or `new`; then that the leftovers can be cleaned away, and that
    /// the operation succeeds after the crash.
    private func expectAllOrNothing(
        prepare: (String) throws -> Void = { _ in }, old: [String], new: [String],
        sourceLocation: SourceLocation = #_sourceLocation, operation: (any FileSystem, String) throws -> Void
    ) throws {
        let tried = try CrashTest.run(prepare: prepare, operation: operation) { directory, point in
            let found = try contents(directory)
            #expect(
                found == new || !point.isComplete && found == old, "\(point)", sourceLocation: sourceLocation)
            try files.removeStaleTemporaries(in: directory)
            let names = try files.list(directory).entries.map(\.name)
            #expect(!names.contains { $0.contains(".tmp-") }, "\(point)", sourceLocation: sourceLocation)
            if found == old && old != new {
                try operation(CrashingFileSystem(directory), directory)
                #expect(try contents(directory) == new, "\(point)", sourceLocation: sourceLocation)
            }
        }
        #expect(tried > 20, sourceLocation: sourceLocation)
    }

    @Test func newFile() throws {
        try expectAllOrNothing(old: [], new: ["file: new"]) { files, directory in
            try files.writeDurably(Array("new".utf8), to: "\(directory)/file")
        }
    }

    @Test func replacedFile() throws {
        let prepare = { (directory: String) in try files.writeAtomically(Array("old".utf8), to: "\(directory)/file") }
        try expectAllOrNothing(prepare: prepare, old: ["file: old"], new: ["file: new"]) { files, directory in
            try files.writeDurably(Array("new".utf8), to: "\(directory)/file")
        }
    }

    @Test func fileWrittenInPieces() throws {
        try expectAllOrNothing(old: [], new: ["file: one two three"]) { files, directory in
            var writer = try DurableFileWriter("\(directory)/file", in: files)
            for piece in ["one ", "two ", "three"] { try writer.write(Array(piece.utf8)) }
            try writer.commit()
        }
    }

    @Test func link() throws {
        let prepare = { (directory: String) in try files.createSymbolicLink("\(directory)/link", to: "old") }
        try expectAllOrNothing(prepare: prepare, old: ["link -> old"], new: ["link -> new"]) { files, directory in
            try files.linkDurably("\(directory)/link", to: "new")
        }
    }

    @Test func directories() throws {
        try CrashTest.run { files, directory in
            try files.createDirectoriesDurably("\(directory)/a/b")
        } check: { directory, point in
            let found = try contents(directory)
            #expect(found == ["a/", "a/b/"] || !point.isComplete && ["a/", "a/b/"].starts(with: found), "\(point)")
        }
    }

    @Test func movedFile() throws {
        func prepare(_ directory: String) throws {
            for name in ["from", "to"] { try files.createDirectory("\(directory)/\(name)", mode: 0o777) }
            try files.writeAtomically(Array("data".utf8), to: "\(directory)/from/file")
        }
        try expectAllOrNothing(
            prepare: prepare, old: ["from/", "from/file: data", "to/"], new: ["from/", "to/", "to/file: data"]
        ) { files, directory in
            try files.moveDurably("\(directory)/from/file", to: "\(directory)/to/file")
        }
    }

    /// Two files in a directory `tree` and one in a directory below.
    private func fill(_ tree: String, _ text: String, in files: any FileSystem) throws {
        try files.createDirectory("\(tree)/below", mode: 0o777)
        for name in ["a", "b", "below/c"] { try files.writeAtomically(Array(text.utf8), to: "\(tree)/\(name)") }
    }

    private func tree(_ text: String) -> [String] {
        ["tree/", "tree/a: \(text)", "tree/b: \(text)", "tree/below/", "tree/below/c: \(text)"]
    }

    private func prepareTree(_ directory: String) throws {
        try files.createDirectory("\(directory)/tree", mode: 0o777)
        try fill("\(directory)/tree", "old", in: files)
    }

    @Test func removedTree() throws {
        try expectAllOrNothing(prepare: prepareTree, old: tree("old"), new: []) { files, directory in
            try files.removeDurably("\(directory)/tree")
        }
    }

    @Test func publishedTree() throws {
        try expectAllOrNothing(old: [], new: tree("new")) { files, directory in
            try files.publishDirectory("\(directory)/tree") { try fill($0, "new", in: files) }
        }
    }

    @Test func replacedTree() throws {
        try expectAllOrNothing(prepare: prepareTree, old: tree("old"), new: tree("new")) { files, directory in
            try files.publishDirectory("\(directory)/tree") { try fill($0, "new", in: files) }
        }
    }

    @Test func treeWrittenByOtherMeans() throws {
        let other = files
        try expectAllOrNothing(old: [], new: tree("new")) { files, directory in
            try files.publishDirectory("\(directory)/tree") { try fill($0, "new", in: other) }
        }
    }

    /// A full disk at each call: the old or the new content, and no temporary in the way.
    @Test func failureLeavesOldOrNewAndNoRubbish() throws {
        let full = Problem(.diskFull, "no space left")
        var failures = 0
        var succeeded = false
        while !succeeded {
            let directory = try TemporaryDirectory()
            try prepareTree(directory.path)
            try files.writeAtomically(Array("old".utf8), to: directory("file"))
            let failing = try CrashingFileSystem(directory.path, .fail(atCall: failures, full))
            var problem: Problem?
            do {
                try failing.publishDirectory(directory("tree")) { try fill($0, "new", in: failing) }
                try failing.writeDurably(Array("new".utf8), to: directory("file"))
                succeeded = true
            } catch let error as Problem {
                problem = error
                failures += 1
            }
            #expect(problem == (succeeded ? nil : full))
            let found = try contents(directory.path)
            let complete = [["file: old"] + tree("old"), ["file: old"] + tree("new"), ["file: new"] + tree("new")]
            #expect(complete.contains(found))
            if succeeded { #expect(found == complete[2]) }
        }
        #expect(failures > 20)
    }

    @Test func moveDoesNotReplace() throws {
        let directory = try TemporaryDirectory()
        for name in ["a", "b"] { try files.writeDurably(Array(name.utf8), to: directory(name)) }
        #expect(throws: Problem.self) { try files.moveDurably(directory("a"), to: directory("b")) }
        #expect(try contents(directory.path) == ["a: a", "b: b"])
    }

    @Test func abandonedWriterLeavesNothing() throws {
        let directory = try TemporaryDirectory()
        do {
            var writer = try DurableFileWriter(directory("file"), in: files)
            try writer.write([1, 2, 3])
            #expect(writer.count == 3)
        }
        #expect(try files.list(directory.path).entries.isEmpty)
    }

    @Test func onlyTemporariesAreStale() throws {
        let directory = try TemporaryDirectory()
        let names = [".file", ".file.tmp-12", ".x.tmp-0123456789abcdeg", "x.tmp-0123456789abcdef"]
        for name in names + [".x.tmp-0123456789abcdef"] { try files.writeAtomically([], to: directory(name)) }
        #expect(try files.removeStaleTemporaries(in: directory.path) == [".x.tmp-0123456789abcdef"])
        #expect(Set(try files.list(directory.path).entries.map(\.name)) == Set(names))
    }

    @Test func longestNameCanBeWritten() throws {
        let directory = try TemporaryDirectory()
        let path = directory(String(repeating: "ü", count: 127))
        try files.writeDurably([1], to: path)
        #expect(try files.read(path, limit: 1) == [1])
    }
}
