import ControlAPI
import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import ProgramTestSupport
import TestSupport
import Testing

/// A file system of a test's own in memory, small enough to be filled. Only root may mount one.
private final class SmallDisk {
    let directory: TemporaryDirectory
    var path: String { directory("disk") }
    private let filler: String

    static let isPossible: Bool = {
        guard geteuid() == 0, let place = try? TemporaryDirectory() else { return false }
        guard mount("none", place.path, "tmpfs", 0, "size=1m") == 0 else { return false }
        return umount(place.path) == 0
    }()

    init(megabytes: Int) throws {
        directory = try TemporaryDirectory()
        filler = directory("disk/filler")
        try PosixFileSystem().createDirectory(path, mode: 0o700)
        guard mount("none", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
            throw Unexpected(String(cString: strerror(errno)))
        }
    }

    // What still uses it keeps it until it ends.
    deinit { umount2(path, Int32(MNT_DETACH)) }

    /// Takes all space but `left` bytes.
    func fill(leaving left: Int) throws {
        try release()
        let descriptor = open(filler, O_WRONLY | O_CREAT, 0o600)
        defer { close(descriptor) }
        // Others write meanwhile: what is free is found out until it is still free when it is taken.
        for _ in 0..<1000 {
            var status = statvfs()
            guard statvfs(path, &status) == 0 else { throw Unexpected(String(cString: strerror(errno))) }
            let free = Int(status.f_bavail) * Int(status.f_frsize)
            if free <= left || posix_fallocate(descriptor, 0, off_t(free - left)) == 0 { return }
        }
        throw Unexpected("the disk cannot be filled")
    }

    func release() throws {
        if try PosixFileSystem().exists(filler) { try PosixFileSystem().removeFile(filler) }
    }
}

@Suite("a full disk", .enabled(if: SmallDisk.isPossible, "only root may mount a small disk")) struct FullDiskTests {
    /// Nothing is there that was being written, and every file is whole.
    private func expectNothingTorn(_ service: LiveService) async throws {
        let doctor = try await service.diffctl(
            "doctor", "--spool", service.spool, "--config", service.directory("diffd.yaml"))
        #expect(doctor.output.contains("Nothing is wrong"), "\(doctor.output)")
        for name in try service.names("jobs") {
            let job = JobFolder(path: "\(service.spool)/jobs/\(name)")
            #expect(try job.status()?.state == .succeeded && !job.events().isEmpty, "\(name)")
        }
    }

    @Test("stops admission, and all goes on when there is space again")
    func admission() async throws {
        let disk = try SmallDisk(megabytes: 64)
        let service = try await LiveService(["min_free_disk": "16MiB"], spool: disk.path)
        try disk.fill(leaving: 8 << 20)
        try await eventually("the daemon sees it") { try service.client.health().status == .diskFull }
        let file = service.directory("refused.json")
        try Data(TinyJobs.points("refused", steps: 50).utf8).write(to: URL(filePath: file))
        let refused = try await service.diffctl("submit", file)
        #expect(refused.status == 1 && refused.errors.contains("disk is full"), "\(refused)")
        try Data(TinyJobs.points("waits", steps: 50).utf8).write(to: URL(filePath: service.incoming("waits.json")))
        #expect(try service.client.jobs().jobs.isEmpty)
        #expect(try service.names("incoming") == ["waits.json"])
        try disk.release()
        #expect(try await service.ended(["waits"]) == [.succeeded])
        try await expectNothingTorn(service)
    }

    @Test("to the last byte makes running jobs wait; no file is torn, and no bit is another")
    func exhaustion() async throws {
        let undisturbed = try await LiveService()
        try await undisturbed.submit(TinyJobs.training("tiny", steps: 300))
        let disk = try SmallDisk(megabytes: 64)
        let service = try await LiveService(["min_free_disk": "4MiB", "retry_backoff": "0"], spool: disk.path)
        try await service.submit(TinyJobs.training("tiny", steps: 300))
        for _ in 0..<3 {
            let job = try await service.accepted("tiny")
            let states = try job.count("checkpoint")
            try await eventually("the training writes states") {
                try job.count("checkpoint") > states || job.status()?.state.isFinal == true
            }
            try disk.fill(leaving: 0)
            try await eventually("the daemon sees it") { try service.client.health().status == .diskFull }
            try disk.release()
            try await eventually("it is over") { try service.client.health().status == .ok }
        }
        #expect(try await service.ended(["tiny"]) == [.succeeded], "\(service.log)")
        #expect(try await undisturbed.ended(["tiny"]) == [.succeeded])
        #expect(try service.folder("tiny").products() == undisturbed.folder("tiny").products())
        try await expectNothingTorn(service)
    }
}
