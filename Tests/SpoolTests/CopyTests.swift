import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import Spool
import Synchronization
import TestSupport
import Testing

/// Directories that arrive in `incoming/` little by little, by the tools that people use, and are looked at in between:
/// each is taken in
/// as a whole or not at all.
@Suite struct CopyTests {
    enum Tool: String, CaseIterable, Sendable { case cp, rsync, tar, editor }

    /// A clock that only the test moves.
    final class Clock: Sendable {
        private let seconds = Mutex(0.0)
        var now: Double {
            get { seconds.withLock(\.self) }
            set { seconds.withLock { $0 = newValue } }
        }
    }

    /// A copy under way: its steps, each a system call or some, with pauses between them that a test chooses.
    private struct Copy {
        let target: String
        let tool: Tool
        var random: SeededGenerator
        /// Whether files stay open for long.
        let staysOpen: Bool
        private(set) var steps: [(mayBeLong: Bool, run: () throws -> Void)] = []

        init(to target: String, _ tool: Tool, seed: UInt64, staysOpen: Bool) {
            self.target = target
            self.tool = tool
            self.staysOpen = staysOpen
            random = SeededGenerator(seed: seed)
            let folders = (0..<Int.random(in: 1...3, using: &random)).map { "pictures/class\($0)" }
            var files = folders.flatMap { folder in
                (0..<Int.random(in: 1...5, using: &random)).map { "\(folder)/\($0).png" }
            }
            files.shuffle(using: &random)
            files.insert("job.json", at: Int.random(in: 0...files.count, using: &random))
            for folder in [target, target + "/pictures"] + folders.map({ "\(target)/\($0)" }) {
                add { guard mkdir(folder, 0o770) == 0 else { throw Problem(.io, "cannot make \(folder)") } }
            }
            for file in files { write(file, file == "job.json" ? SpoolScene.folderJob : "pixels of \(file)") }
            if tool == .tar {
                for folder in folders { add { try Self.date("\(target)/\(folder)") } }
            }
        }

        private mutating func add(mayBeLong: Bool = false, _ run: @escaping () throws -> Void) {
            steps.append((mayBeLong, run))
        }

        private mutating func write(_ name: String, _ text: String) {
            let path = "\(target)/\(name)"
            let temporary = "\(Path.parent(path))/.\(Path.name(path)).Xy12ab"
            switch tool {
            case .cp: put(text, at: path)
            case .rsync:
                put(text, at: temporary)
                add { try Self.date(temporary) }
                add { guard rename(temporary, path) == 0 else { throw Problem(.io, "cannot rename") } }
            case .tar:
                put(text, at: path)
                add { try Self.date(path) }
            case .editor:
                put(String(text.prefix(5)), at: path)
                add { guard rename(path, path + "~") == 0 else { throw Problem(.io, "cannot rename") } }
                put(text, at: path)
                add { guard unlink(path + "~") == 0 else { throw Problem(.io, "cannot remove") } }
            }
        }

        /// Creates, writes in two parts, and closes.
        private mutating func put(_ text: String, at path: String) {
            let file = Mutex<Int32>(-1)
            let half = text.utf8.count / 2
            let box = Box(file)
            add {
                let opened = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0o660)
                guard opened >= 0 else { throw Problem(.io, "cannot create \(path)") }
                box.value.withLock { $0 = opened }
            }
            add(mayBeLong: staysOpen) {
                let bytes = Array(text.utf8.prefix(half))
                guard Glibc.write(box.value.withLock(\.self), bytes, bytes.count) == bytes.count else {
                    throw Problem(.io, "")
                }
            }
            add {
                let bytes = Array(text.utf8.dropFirst(half))
                guard Glibc.write(box.value.withLock(\.self), bytes, bytes.count) == bytes.count else {
                    throw Problem(.io, "")
                }
                close(box.value.withLock(\.self))
            }
        }

        private static func date(_ path: String) throws {
            let old = [timespec](repeating: timespec(tv_sec: 1_000_000_000, tv_nsec: 0), count: 2)
            guard utimensat(AT_FDCWD, path, old, 0) == 0 else { throw Problem(.io, "cannot date \(path)") }
        }

        private final class Box {
            let value: Mutex<Int32>
            init(_ value: consuming Mutex<Int32>) { self.value = value }
        }
    }

    /// Lets a copy go on with pauses that a directory which is quiet only afterwards may have, and looks into
    /// `incoming/` whenever it
    /// should be.
    private func run(_ tool: Tool, seed: UInt64, watched: Bool) throws {
        let scene = try SpoolScene()
        let clock = Clock()
        let watch =
            watched ? try IncomingWatch(scene.layout.incoming, uptime: { .seconds(clock.now) }) : nil
        try watch?.renew()
        var incoming = Incoming(scene.layout, watch: watch, in: scene.files)
        var copy = Copy(to: scene.layout.incoming + "/set", tool, seed: seed, staysOpen: watched)
        var next = 0.0
        func look(until end: Double) throws -> Drop? {
            while next <= end {
                clock.now = max(clock.now, next)
                let scan = try incoming.scan(at: .seconds(clock.now))
                if let drop = scan.drops.first { return drop }
                // Seconds as a floating-point number may lie a rounding before the moment that is meant.
                let wanted = scan.nextLook.map { $0 / .seconds(1) } ?? .infinity
                next = max(min(wanted, clock.now + 10), clock.now + 1e-3)
            }
            clock.now = end
            return nil
        }
        var gap = 0.0
        for (index, step) in copy.steps.enumerated() {
            try step.run()
            watch?.drain()
            // Looks are a second apart without a watch: so much less may have been seen of a pause.
            let limit = max(10, 5 * (gap - 1)) - 1.1
            let isLong = step.mayBeLong && Int.random(in: 0..<4, using: &copy.random) == 0
            let pause = isLong ? 100 : Double.random(in: 0...min(limit, 40), using: &copy.random)
            if let early = try look(until: clock.now + pause), index < copy.steps.count - 1 {
                Issue.record(
                    "\(tool), seed \(seed): decided after step \(index) of \(copy.steps.count), pause \(pause): \(early.content)"
                )
                return
            }
            gap = max(gap, isLong ? 0 : pause)
        }
        let drop = try #require(try look(until: clock.now + 1000), "never taken in: \(tool), seed \(seed)")
        guard case .job = drop.content else {
            Issue.record("\(tool), seed \(seed): \(drop.content)")
            return
        }
        let files = try FileManager.default.subpathsOfDirectory(atPath: copy.target).filter {
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(copy.target)/\($0)", isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }
        #expect(drop.inputs?.files == files.count)
    }

    @Test(arguments: Tool.allCases, [false, true]) func allOrNothing(tool: Tool, watched: Bool) throws {
        for seed in 0..<25 { try run(tool, seed: UInt64(seed), watched: watched) }
    }

    private func watchedScene() throws -> (SpoolScene, IncomingWatch) {
        var scene = try SpoolScene()
        let watch = try IncomingWatch(scene.layout.incoming, uptime: { .zero })
        try watch.renew()
        scene.incoming = Incoming(scene.layout, watch: watch, in: scene.files)
        return (scene, watch)
    }

    @Test func whatWasRenamedIsCompleteAtOnce() throws {
        var (scene, watch) = try watchedScene()
        try scene.drop(".set/job.json", SpoolScene.folderJob)
        try scene.drop(".set/pictures/1.png", "x")
        #expect(rename(scene.layout.incoming + "/.set", scene.layout.incoming + "/set") == 0)
        #expect(try scene.decided(at: 0) == [])
        #expect(try scene.decided(at: 0.5) == ["set: job set"])
        // One that is made anew under the name is another.
        try FileManager.default.removeItem(atPath: scene.layout.incoming + "/set")
        try scene.drop("set/job.json", SpoolScene.folderJob)
        #expect(try scene.decided(at: 1) == [] && scene.decided(at: 10.9) == [])
        #expect(try scene.decided(at: 11) == ["set: job set"])
        withExtendedLifetime(watch) {}
    }

    @Test func whatNeverGetsQuietIsRefusedInTheEnd() throws {
        var scene = try SpoolScene()
        try scene.drop("set/job.json", SpoolScene.folderJob)
        try scene.drop("b.json", "{")
        var time = 0.0
        while time < 86_400 {
            try scene.drop("set/touched", "\(time)")
            try scene.drop("b.json", "{ \(time)")
            #expect(try scene.decided(at: time).isEmpty)
            // Never as far apart as files may be.
            time += 300
            if time == 300 { time = 0.4 }
        }
        try scene.drop("set/touched", "last")
        try scene.drop("b.json", "{ last")
        let decided = try scene.decided(at: 86_401)
        #expect(decided.count == 2 && decided.allSatisfy { $0.contains("still changing") }, "\(decided)")
    }

    @Test func whatComesLateIsSeen() throws {
        let (scene, watch) = try watchedScene()
        try scene.drop("set/job.json", SpoolScene.folderJob)
        try scene.drop("set/pictures/1.png", "x")
        let set = scene.layout.incoming + "/set"
        var incoming = scene.incoming
        _ = try incoming.scan(at: .zero)
        let open = try #require(FileHandle(forWritingAtPath: set + "/pictures/1.png"))
        #expect(rename(set, scene.layout.root + "/inputs") == 0)
        watch.taken("set", by: 7)
        #expect(watch.takeLate().isEmpty)
        try open.write(contentsOf: Data("more".utf8))
        try Data("new".utf8).write(to: URL(filePath: scene.layout.root + "/inputs/pictures/2.png"))
        let late = watch.takeLate()
        #expect(late.map(\.job) == [7])
        #expect(late.first?.names == ["pictures/1.png", "pictures/2.png"])
        #expect(watch.takeLate().isEmpty)
    }
}
