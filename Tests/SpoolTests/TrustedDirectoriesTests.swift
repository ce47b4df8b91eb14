import DurableFiles
import Foundation
import Glibc
import Problems
import Spool
import TestSupport
import Testing

/// Directories that a member made before the daemon could. Only root can be several users; otherwise those are tried that all can write.
@Suite("Directories that are relied on") struct TrustedDirectoriesTests {
    private static let other: uid_t = 64_999

    @Test("what others can change in the place of the cache is moved aside", arguments: ["cache", "cache/latents"])
    func asides(_ name: String) throws {
        let scene = try SpoolScene()
        let path = scene.layout.root + "/" + name
        try scene.files.removeDurably(path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        #expect(chmod(path, 0o777) == 0)
        try Data("mine".utf8).write(to: URL(filePath: path + "/others"))
        let aside = try #require(try scene.layout.secureCache(in: scene.files))
        #expect(aside.code == .denied && aside.file == path)
        #expect(try scene.files.list(scene.layout.latents).entries.isEmpty)
        #expect(try scene.files.status(path)?.mode == 0o700)
        // Nothing of it is lost, and the second time nothing is to be done.
        #expect(aside.remedy?.contains("\(name).of-\(geteuid())-") == true)
        #expect(try scene.layout.secureCache(in: scene.files) == nil)
    }

    @Test("a cache that was removed is made again")
    func madeAgain() throws {
        let scene = try SpoolScene()
        try scene.files.removeDurably(scene.layout.root + "/cache")
        #expect(try scene.layout.secureCache(in: scene.files) == nil)
        #expect(try scene.files.status(scene.layout.latents)?.mode == 0o700)
    }

    @Test("another user's are not used", .enabled(if: geteuid() == 0))
    func anothers() throws {
        let scene = try SpoolScene()
        for path in [scene.layout.root + "/cache", scene.layout.jobs] {
            #expect(chown(path, Self.other, Self.other) == 0)
        }
        #expect(try scene.layout.secureCache(in: scene.files)?.remedy?.contains("cache.of-64999-") == true)
        let problem = #expect(throws: Problem.self) { try scene.layout.prepare(in: scene.files) }
        #expect(problem?.code == .denied)
        // The spool's owner could exchange everything in it anyway.
        #expect(chown(scene.layout.root, Self.other, Self.other) == 0)
        try scene.layout.prepare(in: scene.files)
    }
}
