import DurableFiles
import Glibc
import Problems
import TestSupport
import Testing

@Suite struct DurableLogTests {
    let files = PosixFileSystem()

    private func lines(_ path: String) throws -> [String] {
        String(decoding: try files.read(path, limit: 1 << 20), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// After a crash the log opens again with a prefix of its lines, whole ones but for zeros that the machine left.
    @Test func crashLeavesWholeLines() throws {
        let all = ["first", "second", "third", "fourth"]
        try CrashTest.run { files, directory in
            let log = try DurableLog("\(directory)/log", in: files)
            try log.append(all[0])
            try log.append(all[1])
            try log.synchronize()
            try log.append(all[2])
        } check: { directory, point in
            let path = "\(directory)/log"
            if try !files.exists(path) {
                #expect(!point.isComplete)
                return
            }
            let log = try DurableLog(path, in: files)
            let before = try lines(path)
            #expect(all.starts(with: before), "\(point)")
            if point.isComplete { #expect(before.count >= 2, "\(point)") }
            if point.outcome == .programDied && point.isComplete { #expect(before.count == 3) }
            try log.append(all[3])
            #expect(try lines(path) == before + [all[3]], "\(point)")
        }
    }

    @Test func unfinishedLastLineIsCutOff() throws {
        let directory = try TemporaryDirectory()
        let long = String(repeating: "x", count: 200_000)
        for (content, kept) in [
            ("a\nb\nc", "a\nb\n"), ("abc", ""), ("", ""), ("a\n" + long, "a\n"), (long + "\n", long + "\n"),
        ] {
            try files.writeAtomically(Array(content.utf8), to: directory("log"))
            _ = try DurableLog(directory("log"), in: files)
            #expect(String(decoding: try files.read(directory("log"), limit: 1 << 20), as: UTF8.self) == kept)
        }
    }

    @Test func fullDiskLeavesNoHalfLine() throws {
        let directory = try TemporaryDirectory()
        try files.writeAtomically(Array("first\n".utf8), to: directory("log"))
        // Calls: open, write (fails half-way), truncate, write.
        let failing = try CrashingFileSystem(directory.path, .fail(atCall: 1, Problem(.diskFull, "no space left")))
        let log = try DurableLog(directory("log"), in: failing)
        #expect(throws: Problem.self) { try log.append("second") }
        try log.append("third")
        #expect(try lines(directory("log")) == ["first", "third"])
    }

    @Test func writersDoNotMix() async throws {
        let directory = try TemporaryDirectory()
        let path = directory("log")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    let log = try DurableLog(path, in: PosixFileSystem())
                    for line in 0..<100 { try log.append("\(writer) \(line)") }
                }
            }
            try await group.waitForAll()
        }
        let lines = try lines(path)
        for writer in 0..<4 {
            #expect(lines.filter { $0.hasPrefix("\(writer) ") } == (0..<100).map { "\(writer) \($0)" })
        }
        #expect(lines.count == 400)
    }

    /// Whoever may read a log can hold flock(2) on it.
    @Test(arguments: [LOCK_SH, LOCK_EX]) func aReadersLockIsInNobodysWay(lock: Int32) throws {
        let directory = try TemporaryDirectory()
        let path = directory("log")
        try DurableLog(path, in: files).append("first")
        let reader = open(path, O_RDONLY)
        #expect(reader >= 0 && flock(reader, lock) == 0)
        let log = try DurableLog(path, in: files)
        try log.append("second")
        close(reader)
        #expect(try lines(path) == ["first", "second"])
    }

    /// A writer that was stopped in the middle keeps nobody waiting.
    @Test func aLockThatIsHeldIsNotWaitedFor() throws {
        let directory = try TemporaryDirectory()
        let held = try FileLock.acquire(directory(".log.lock"))
        #expect(held != nil)
        #expect(try files.status(directory(".log.lock"))?.mode == 0o600)
        try DurableLog(directory("log"), in: files).append("first")
        #expect(try lines(directory("log")) == ["first"])
        withExtendedLifetime(held) {}
    }

    @Test func lineFeedIsRefused() throws {
        let directory = try TemporaryDirectory()
        let log = try DurableLog(directory("log"), in: files)
        #expect(throws: Problem.self) { try log.append("a\nb") }
        #expect(try lines(directory("log")).isEmpty)
    }
}
