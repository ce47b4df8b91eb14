import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import Spool
import Testing

/// Jobs that name each other and are dropped at once.
@Suite struct ChainTests {
    private static func job(after names: [String] = [], keys: String = "") -> String {
        let list = names.map { "\"\($0)\"" }.joined(separator: ", ")
        return SpoolScene.job.replacing("\"training\"", with: "\"after\": [\(list)],\(keys) \"training\"")
    }

    /// Takes what a scan gives, as the daemon does.
    private func take(_ scene: inout SpoolScene, at seconds: Double) throws -> [String] {
        let decided = try scene.decided(at: seconds)
        for line in decided {
            try scene.files.removeDurably(scene.layout.incoming + "/" + line.prefix { $0 != ":" })
        }
        return decided
    }

    @Test func aNameIsTakenInBeforeThoseThatNameIt() throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", Self.job(after: ["b"]))
        try scene.drop("b.json", Self.job(after: ["c"]))
        try scene.drop("c.json", Self.job())
        #expect(try scene.decided(at: 0) == [])
        #expect(try scene.decided(at: 1) == ["c.json: job c", "b.json: job b", "a.json: job a"])
    }

    @Test func modelsAndPicturesAreNamesToo() throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", #"{"kind": "sample", "model": "job:z"}"#)
        try scene.drop("b.json", #"{"kind": "sample", "model": "z"}"#)
        try scene.drop("c.json", #"{"kind": "evaluate", "samples": "job:a", "reference": "job:b"}"#)
        try scene.drop("other.json", Self.job(keys: " \"name\": \"z\","))
        _ = try scene.decided(at: 0)
        #expect(
            try scene.decided(at: 1) == ["other.json: job z", "a.json: job a", "b.json: job b", "c.json: job c"])
    }

    @Test func whatIsNotReadyYetIsWaitedFor() throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", Self.job(after: ["set"]))
        try scene.drop("set/job.json", SpoolScene.folderJob)
        #expect(try take(&scene, at: 0) == [] && take(&scene, at: 1) == [])
        // A copy that takes its time.
        try scene.drop("set/pictures/1.png", "x")
        #expect(try take(&scene, at: 9) == [] && take(&scene, at: 18) == [])
        #expect(try take(&scene, at: 60) == ["set: job set"])
        #expect(try take(&scene, at: 61) == ["a.json: job a"])
    }

    @Test func circlesAreRefusedByName() throws {
        var scene = try SpoolScene()
        for (name, next) in [("a", "b"), ("b", "c"), ("c", "a"), ("tail", "b")] {
            try scene.drop("\(name).json", Self.job(after: [next]))
        }
        try scene.drop("free.json", Self.job())
        _ = try scene.decided(at: 0)
        #expect(try take(&scene, at: 1) == ["free.json: job free"])
        #expect(
            try take(&scene, at: 2) == [
                "a.json: a waits for b, which waits for c, which waits for a",
                "b.json: b waits for c, which waits for a, which waits for b",
                "c.json: c waits for a, which waits for b, which waits for c",
            ])
        #expect(try take(&scene, at: 3) == ["tail.json: job tail"], "it is for the queue to say that there is no b")
    }

    @Test func aJobMayNameAnEarlierOneOfItsOwnName() throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", Self.job(after: ["a"]))
        _ = try scene.decided(at: 0)
        #expect(try scene.decided(at: 1) == ["a.json: job a"])
    }

    @Test func whatNeverComesIsNotWaitedForForever() throws {
        var scene = try SpoolScene()
        try scene.drop("a.json", Self.job(after: ["b"]))
        try scene.drop("b.json", Self.job())
        // It cannot be taken in for a reason of the machine.
        _ = try scene.decided(at: 0)
        #expect(try scene.decided(at: 1) == ["b.json: job b", "a.json: job a"])
        scene.incoming.setAside("b.json", because: Problem(.io, "broken"), at: .seconds(1))
        #expect(try scene.decided(at: 2) == [] && scene.decided(at: 3) == [])
        for hour in 1...23 {
            scene.incoming.setAside("b.json", because: Problem(.io, "broken"), at: .seconds(3600 * hour))
            #expect(try scene.decided(at: 3600 * Double(hour)) == [])
        }
        scene.incoming.setAside("b.json", because: Problem(.io, "broken"), at: .seconds(86_300))
        #expect(try scene.decided(at: 86_401) == ["a.json: job a"])
    }

    /// However the names are sorted, and however many are read at once.
    @Test func aLongChainComesInAsAWhole() throws {
        var scene = try SpoolScene()
        let names = (0..<300).map { String(format: "j%03d", $0) }
        for (name, next) in zip(names, names.dropFirst()) { try scene.drop("\(name).json", Self.job(after: [next])) }
        try scene.drop("\(names[299]).json", Self.job())
        var taken: [String] = []
        var scans = 0
        while taken.count < 300, scans < 40 {
            scans += 1
            taken += try take(&scene, at: Double(scans)).map { String($0.prefix(4)) }
        }
        #expect(taken == names.reversed())
    }
}
