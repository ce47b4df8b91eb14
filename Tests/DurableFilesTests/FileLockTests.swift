import DurableFiles
import Glibc
import Problems
import TestSupport
import Testing

@Suite struct FileLockTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func oneHolderAtATime() throws {
        let path = directory("lock")
        #expect(try FileLock.holder(path) == .nobody)
        var lock = try FileLock.acquire(path, identity: Array("first".utf8))
        #expect(lock != nil)
        #expect(try FileLock.holder(path) == .somebody(Array("first".utf8)))
        #expect(try FileLock.acquire(path, identity: Array("second".utf8)) == nil)
        #expect(try FileLock.holder(path) == .somebody(Array("first".utf8)))
        lock = nil
        #expect(try FileLock.holder(path) == .nobody)
        lock = try FileLock.acquire(path, identity: Array("2".utf8))
        #expect(try FileLock.holder(path) == .somebody(Array("2".utf8)))
    }

    @Test func onlyOneOfManyGetsIt() async throws {
        let path = directory("lock")
        let locks = try await withThrowingTaskGroup(of: FileLock?.self) { group in
            for number in 0..<8 { group.addTask { try FileLock.acquire(path, identity: [UInt8(number)]) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(locks.compactMap(\.self).count == 1)
    }

    /// The holder is another process and is killed: the kernel drops the lock.
    @Test func lockDiesWithItsHolder() throws {
        let path = directory("lock")
        // flock(1) of util-linux takes the lock, and the shell it starts, which inherits it, says so and waits.
        var pipe: [Int32] = [0, 0]
        #expect(Glibc.pipe(&pipe) == 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, pipe[1], 1)
        posix_spawn_file_actions_addclose(&actions, pipe[0])
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        let arguments: [UnsafeMutablePointer<CChar>?] =
            ["flock", path, "sh", "-c", "echo held; exec sleep 1000"].map { (word: String) in strdup(word) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var child: pid_t = 0
        #expect(posix_spawnp(&child, "flock", &actions, &attributes, arguments, environ) == 0)
        close(pipe[1])
        var byte: UInt8 = 0
        #expect(read(pipe[0], &byte, 1) == 1)
        #expect(try FileLock.acquire(path, identity: []) == nil)
        #expect(try FileLock.holder(path) == .somebody([]))

        kill(-child, SIGKILL)
        // The pipe's end says that the last process of the group is gone.
        while read(pipe[0], &byte, 1) == 1 {}
        close(pipe[0])
        waitpid(child, nil, 0)
        #expect(try FileLock.acquire(path, identity: []) != nil)
    }

    /// Whoever can open a file can lock it: nobody else can, be it one of an earlier version.
    @Test func lockFilesAreForTheirOwnerOnly() throws {
        let path = directory("lock")
        try PosixFileSystem().writeAtomically([1], to: path, mode: 0o666)
        #expect(chmod(path, 0o664) == 0)
        let lock = try FileLock.acquire(path)
        #expect(try PosixFileSystem().status(path)?.mode == 0o600)
        withExtendedLifetime(lock) {}
    }

    @Test func lockFollowsNoLink() throws {
        try PosixFileSystem().createSymbolicLink(directory("lock"), to: "elsewhere")
        #expect(throws: Problem.self) { try FileLock.acquire(directory("lock"), identity: []) }
    }
}
