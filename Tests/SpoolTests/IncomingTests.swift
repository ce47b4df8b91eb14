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
        #expect(try scene.decided(at: 1.5) == ["shirts: job shirts"])
    }

    @Test func aDirectoryWithoutAJobIsRefusedInTheEnd() throws {
        var scene = try SpoolScene()
        try scene.drop("shirts/1.png", "x")
        #expect(try scene.decided(at: 0) == [] && scene.decided(at: 1) == [])
        #expect(try scene.decided(at: 10) == ["shirts: the directory shirts holds no job.json"])
    }

    @Test func aDirectoryWithALinkedJobOrAPipeIsRefused() throws {
        var scene = try SpoolScene()
        try scene.drop("a/1.png", "x")
        try scene.files.createSymbolicLink(scene.layout.incoming + "/a/job.json", to: "/etc/passwd")
        try scene.drop("b/job.json", SpoolScene.job)
        #expect(mkfifo(scene.layout.incoming + "/b/pipe", 0o600) == 0)
        _ = try scene.decided(at: 0)
        #expect(
            try scene.decided(at: 1) == [
                "a: a/job.json is not a regular file", "b: b/pipe is neither file, directory nor link",
            ])
    }

    @Test func whatWasSetAsideIsPassedOverUntilItChanges() throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", "{}")
        _ = try scene.decided(at: 0)
        #expect(try scene.decided(at: 1).count == 1)
        scene.incoming.setAside("a.json")
        #expect(try scene.decided(at: 2) == [] && scene.decided(at: 100) == [])
        try scene.drop("a.json", SpoolScene.job)
        #expect(try scene.decided(at: 101) == [])
        #expect(try scene.decided(at: 102) == ["a.json: job a"])
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
