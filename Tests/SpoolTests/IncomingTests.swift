import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import Spool
import Testing

@Suite struct IncomingTests {
    @Test func aFileCountsOnceItIsQuiet() throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", SpoolScene.job)
        let first = try scene.incoming.scan(at: .seconds(100))
        #expect(first.drops.isEmpty && first.nextLook == .seconds(100.5))
        #expect(try scene.decided(at: 100.4) == [])
        #expect(try scene.decided(at: 100.5) == ["a.json: job a"])
        #expect(try scene.decided(at: 101) == ["a.json: job a"], "until it is taken, it is found again")
    }

    @Test func aFileThatGrowsIsWaitedFor() throws {
        var scene = try SpoolScene()
        let half = SpoolScene.job.prefix(60)
        try scene.drop("a.json", String(half))
        #expect(try scene.decided(at: 0) == [])
        let scan = try scene.incoming.scan(at: .seconds(1))
        #expect(scan.drops.isEmpty && scan.nextLook == .seconds(10))
        try scene.drop("a.json", SpoolScene.job)
        #expect(try scene.decided(at: 9.9) == [])
        #expect(try scene.decided(at: 10.4) == ["a.json: job a"])
    }

    @Test(arguments: ["", "{\"kind\": \"tra"])
    func aFileThatStaysIncompleteIsRefused(text: String) throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", text)
        #expect(try scene.decided(at: 0) == [] && scene.decided(at: 9.9) == [])
        let decided = try scene.decided(at: 10)
        #expect(decided.count == 1 && (decided[0].contains("ends before") || decided[0].contains("empty")))
    }

    @Test func unfinishedNamesAreLeftAlone() throws {
        var scene = try SpoolScene()
        for name in [".a.json", "a.json.tmp", "a.json.part", "a.json~", ".tmp-x"] { try scene.drop(name, "{") }
        #expect(try scene.decided(at: 0) == [] && scene.decided(at: 1000) == [])
    }

    @Test func malformedFilesAreRefusedWithEveryProblem() throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", "{\"kind\": \"train\"} x")
        try scene.drop("b.json", "{\"kind\": \"sample\", \"count\": 0, \"modle\": \"x\"}")
        try scene.drop("big.json", String(repeating: " ", count: JobSpec.maximumFileSize + 1))
        try scene.drop("notes.txt", "hello")
        _ = try scene.decided(at: 0)
        let scan = try scene.incoming.scan(at: .seconds(1))
        #expect(scan.drops.map(\.name) == ["a.json", "b.json", "big.json"])
        guard case .refused(let problems) = scan.drops[1].content else { return }
        #expect(
            Set(problems.all.map(\.path)) == ["$.model", "$.count", "$.modle"]
                && problems.all.allSatisfy { $0.file == "b.json" })
        #expect(try scene.decided(at: 10).last == "notes.txt: notes.txt is not named NAME.json")
    }

    @Test func linksPipesAndSocketsAreRefused() throws {
        var scene = try SpoolScene()
        try scene.files.createSymbolicLink(scene.layout.incoming + "/link.json", to: "/etc/passwd")
        #expect(mkfifo(scene.layout.incoming + "/pipe.json", 0o600) == 0)
        #expect(
            try scene.decided(at: 0) == [
                "link.json: link.json is a symbolic link", "pipe.json: pipe.json is neither a file nor a directory",
            ])
    }

    @Test func aDirectoryCountsOnceAllOfItIsQuiet() throws {
        var scene = try SpoolScene()
        try scene.drop("shirts/job.json", SpoolScene.folderJob)
        #expect(try scene.decided(at: 0) == [])
        try scene.drop("shirts/pictures/deep/1.png", "x")
        #expect(try scene.decided(at: 1) == [])
        #expect(try scene.decided(at: 10.9) == [])
        #expect(try scene.decided(at: 11) == ["shirts: job shirts"])
    }

    @Test func aDirectoryWithoutAJobIsRefusedInTheEnd() throws {
        var scene = try SpoolScene()
        try scene.drop("shirts/1.png", "x")
        #expect(try scene.decided(at: 0) == [] && scene.decided(at: 29) == [])
        #expect(try scene.decided(at: 30) == ["shirts: the directory shirts holds no job.json"])
    }

    @Test func aDirectoryWithALinkedJobOrAPipeIsRefused() throws {
        var scene = try SpoolScene()
        try scene.drop("a/1.png", "x")
        try scene.files.createSymbolicLink(scene.layout.incoming + "/a/job.json", to: "/etc/passwd")
        try scene.drop("b/job.json", SpoolScene.job)
        #expect(mkfifo(scene.layout.incoming + "/b/pipe", 0o600) == 0)
        _ = try scene.decided(at: 0)
        #expect(
            try scene.decided(at: 10) == [
                "a: a/job.json is not a regular file", "b: b/pipe is neither file, directory nor link",
            ])
    }

    @Test func whatWasSetAsideIsNamedAndTriedAgainEverLater() throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", "{}")
        _ = try scene.decided(at: 0)
        #expect(try scene.decided(at: 1).count == 1)
        let problem = Problem(.io, "the disk fails")
        scene.incoming.setAside("a.json", because: problem, at: .seconds(1))
        #expect(try scene.incoming.scan(at: .seconds(2)).troubles == ["a.json": problem])
        #expect(try scene.decided(at: 10.9) == [] && scene.decided(at: 11).count == 1)
        scene.incoming.setAside("a.json", because: problem, at: .seconds(11))
        #expect(try scene.decided(at: 30.9) == [] && scene.incoming.failures(of: "a.json") == 2)
        #expect(try scene.decided(at: 31).count == 1)
        // Once it has changed it is another.
        scene.incoming.setAside("a.json", because: problem, at: .seconds(31))
        try scene.drop("a.json", SpoolScene.job)
        #expect(try scene.decided(at: 32) == [])
        #expect(try scene.decided(at: 33) == ["a.json: job a"])
    }

    /// `touch -d`, a camera with a bad clock, an archive: any time that a file system keeps.
    @Test(arguments: [Int.min, -62_135_596_801, -1, 9_999_999_999, 253_402_300_800, Int.max])
    func filesOfAnyTimeAreTaken(seconds: Int) throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", SpoolScene.job)
        try scene.drop("b/job.json", SpoolScene.job)
        try scene.drop("b/pictures/1.png", "x")
        for name in ["a.json", "b", "b/job.json", "b/pictures/1.png"] {
            let times = [timespec](repeating: timespec(tv_sec: seconds, tv_nsec: 0), count: 2)
            // What the file system cannot keep it refuses or cuts off.
            _ = utimensat(AT_FDCWD, "\(scene.layout.incoming)/\(name)", times, 0)
        }
        #expect(try scene.decided(at: 0) == [])
        #expect(try scene.decided(at: 10) == ["a.json: job a", "b: job b"])
    }

    /// Sums of sizes that no number holds: sparse files cost nothing.
    @Test func filesOfAnySizeAreCounted() throws {
        var scene = try SpoolScene()
        try scene.drop("a/job.json", SpoolScene.job)
        for number in 0..<3 {
            try scene.drop("a/\(number)", "x")
            _ = truncate("\(scene.layout.incoming)/a/\(number)", .max)
            _ = truncate("\(scene.layout.incoming)/a/\(number)", 1 << 43)
        }
        _ = try scene.decided(at: 0)
        let drop = try #require(try scene.incoming.scan(at: .seconds(10)).drops.first)
        #expect(drop.inputs?.files == 4 && drop.inputs?.folders == [".": 4])
    }

    @Test func namesThatAreNotUTF8AreRefused() throws {
        var scene = try SpoolScene()
        let path = Array((scene.layout.incoming + "/").utf8) + [0xFF, 0xFE] + Array(".json".utf8) + [0]
        let descriptor = open(path.map { CChar(bitPattern: $0) }, O_CREAT | O_WRONLY, 0o600)
        #expect(descriptor >= 0)
        close(descriptor)
        #expect(try scene.incoming.scan(at: .zero).unreadable.isEmpty)
        let name = try #require(try scene.incoming.scan(at: .seconds(10)).unreadable.first)
        try scene.layout.reject(name, at: .now, in: scene.files)
        #expect(try scene.files.list(scene.layout.incoming).unreadable.isEmpty)
        #expect(try scene.names(scene.layout.rejected).count == 2)
    }

    @Test func theSameNameAgainIsAnotherDrop() throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", SpoolScene.job)
        _ = try scene.decided(at: 0)
        let first = try #require(try scene.incoming.scan(at: .seconds(1)).drops.first)
        try FileManager.default.moveItem(
            atPath: scene.layout.incoming + "/a.json", toPath: scene.layout.root + "/kept.json")
        #expect(try scene.decided(at: 2) == [])
        try scene.drop("a.json", SpoolScene.job)
        _ = try scene.decided(at: 3)
        let second = try #require(try scene.incoming.scan(at: .seconds(4)).drops.first)
        #expect(second.token != first.token)
    }
}
