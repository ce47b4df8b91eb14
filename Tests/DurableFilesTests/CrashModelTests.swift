import DurableFiles
import Problems
import TestSupport
import Testing

/// The harness itself: it must lose what a machine may lose, and keep what it must keep.
@Suite struct CrashModelTests {
    let files = PosixFileSystem()

    /// What each outcome leaves of a file called `file`; nil for no file.
    private func outcomes(_ operation: (any FileSystem, String) throws -> Void) throws -> Set<String?> {
        var found: Set<String?> = []
        for outcome in CrashingFileSystem.Outcome.allCases {
            let directory = try TemporaryDirectory()
            let crashing = try CrashingFileSystem(directory.path)
            try operation(crashing, directory.path)
            try crashing.settle(outcome)
            let path = directory("file")
            found.insert(try files.exists(path) ? String(decoding: files.read(path, limit: 100), as: UTF8.self) : nil)
        }
        return found
    }

    @Test func unsynchronizedFileMayBeLostTornOrWhole() throws {
        let found = try outcomes { files, directory in
            try files.createFile("\(directory)/file", mode: 0o666).write(Array("abcdef".utf8).span.bytes)
        }
        #expect(found.isSuperset(of: [nil, "abcdef"]))
        #expect(found.contains { $0 != nil && $0 != "abcdef" })
    }

    @Test func synchronizedBytesNeedADurableName() throws {
        let found = try outcomes { files, directory in
            let file = try files.createFile("\(directory)/file", mode: 0o666)
            try file.write(Array("abcdef".utf8).span.bytes)
            try file.synchronize()
        }
        #expect(found == [nil, "abcdef"])
    }

    @Test func durableNameNeedsSynchronizedBytes() throws {
        let found = try outcomes { files, directory in
            try files.createFile("\(directory)/file", mode: 0o666).write(Array("abcdef".utf8).span.bytes)
            try files.synchronizeDirectory(directory)
        }
        #expect(!found.contains(nil))
        #expect(found.isSuperset(of: ["", "abcdef"]))
    }

    @Test func everythingSynchronizedStays() throws {
        let found = try outcomes { files, directory in
            let file = try files.createFile("\(directory)/other", mode: 0o666)
            try file.write(Array("abcdef".utf8).span.bytes)
            try file.synchronize()
            try files.rename("\(directory)/other", to: "\(directory)/file")
            try files.synchronizeDirectory(directory)
        }
        #expect(found == ["abcdef"])
    }

    @Test func directoryKeepsItsChangesInOrder() throws {
        for seed in 0..<50 as Range<UInt64> {
            let directory = try TemporaryDirectory()
            let crashing = try CrashingFileSystem(directory.path)
            for name in ["a", "b", "c", "d"] { try crashing.createDirectory(directory(name), mode: 0o777) }
            try crashing.settle(.someLost(seed: seed))
            let names = try files.list(directory.path).entries.map(\.name)
            #expect(["a", "b", "c", "d"].starts(with: names))
        }
    }

    /// Without fsync a rename can put an unfinished file in the place of a good one; the harness must find it.
    @Test func findsTheMissingSynchronization() throws {
        var torn = 0
        try CrashTest.run { directory in
            try files.writeAtomically(Array("old".utf8), to: "\(directory)/file")
        } operation: { files, directory in
            try files.writeAtomically(Array("newer".utf8), to: "\(directory)/file")
        } check: { directory, _ in
            let text = String(decoding: try files.read("\(directory)/file", limit: 100), as: UTF8.self)
            if text != "old" && text != "newer" { torn += 1 }
        }
        #expect(torn > 0)
    }

    @Test func nothingHappensAfterTheCrash() throws {
        let directory = try TemporaryDirectory()
        let crashing = try CrashingFileSystem(directory.path, .crash(atCall: 1))
        let file = try crashing.createFile(directory("file"), mode: 0o666)
        #expect(throws: Crash.self) { try file.write(([1, 2, 3, 4] as [UInt8]).span.bytes) }
        #expect(throws: Crash.self) { try crashing.removeFile(directory("file")) }
        #expect(try files.read(directory("file"), limit: 10) == [1, 2])
        #expect(crashing.calls == ["create file", "write file"])
    }

    @Test func bytesWrittenByOtherMeansAreDurableOnceSynchronized() throws {
        let directory = try TemporaryDirectory()
        let crashing = try CrashingFileSystem(directory.path)
        for name in ["kept", "lost"] { try files.writeAtomically([7, 8], to: directory(name)) }
        try crashing.synchronizeFile(directory("kept"))
        try crashing.synchronizeDirectory(directory.path)
        try crashing.settle(.allLost)
        #expect(try files.read(directory("kept"), limit: 10) == [7, 8])
        #expect(try files.read(directory("lost"), limit: 10) == [])
    }
}
