import ControlAPI
import Datasets
import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import ProgramTestSupport
import Spool
import StrictJSON
import TestSupport
import Testing

/// How jobs come into a spool: every way that writers have.
@Suite("a drop") struct DropTests {
    /// A job that is accepted and then left alone.
    private func job(_ name: String) -> String {
        TinyJobs.training(name).replacing("\"seed\"", with: "\"hold\": true, \"seed\"")
    }

    private func write(_ text: String, _ path: String) throws {
        try #require(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
    }

    private func append(_ text: Substring, _ path: String) throws {
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    @Test("is taken once, whichever way it came, and found by the daemon's next start too")
    func ways() async throws {
        let service = try await LiveService()
        // Renamed, as the protocol has it.
        try write(job("renamed"), service.incoming(".tmp-1"))
        #expect(rename(service.incoming(".tmp-1"), service.incoming("renamed.json")) == 0)
        // Copied.
        try write(job("copied"), service.incoming("copied.json"))
        // A second name for a file that lies elsewhere in the spool.
        try write(job("linked"), "\(service.spool)/linked.json")
        #expect(link("\(service.spool)/linked.json", service.incoming("linked.json")) == 0)
        // Written by parts, with the file open all the while.
        try write("", service.incoming("slow.json"))
        let open = try #require(FileHandle(forWritingAtPath: service.incoming("slow.json")))
        for part in job("slow").split(separator: "\n", omittingEmptySubsequences: false) {
            try open.write(contentsOf: Data((part + "\n").utf8))
        }
        try open.close()
        for name in ["renamed", "copied", "linked", "slow"] {
            let folder = try await service.accepted(name)
            #expect(try folder.bytes("request.json").contains(UInt8(ascii: "{")))
        }
        #expect(
            String(decoding: try service.folder("renamed").bytes("request.json"), as: UTF8.self)
                == job("renamed"))
        try await eventually("incoming is empty") { try service.names("incoming").isEmpty }

        // While the daemon is away.
        #expect(try await service.stop(SIGTERM) == .status(0))
        try write(job("absent"), service.incoming("absent.json"))
        try await service.start()
        _ = try await service.accepted("absent")
        let list = try await service.diffctl("list", "--json").json
        #expect(list["jobs"]?.elements?.map { $0["id"]?.integer } == [1, 2, 3, 4, 5])
        #expect(list["jobs"]?.elements?.allSatisfy { $0["state"]?.string == "held" } == true)
    }

    @Test("that is half written is waited for")
    func half() async throws {
        let service = try await LiveService()
        let text = job("half")
        let middle = text.index(text.startIndex, offsetBy: text.count / 2)
        try write(String(text[..<middle]), service.incoming("half.json"))
        // When a later one has been taken, this one has been looked at.
        try write(job("later"), service.incoming("later.json"))
        _ = try await service.accepted("later")
        try await eventually("only the half is left") { try service.names("incoming") == ["half.json"] }
        #expect(try service.names("rejected").isEmpty)
        try append(text[middle...], service.incoming("half.json"))
        #expect(String(decoding: try await service.accepted("half").bytes("request.json"), as: UTF8.self) == text)
    }

    @Test("that stays incomplete, or is none, is refused with a receipt; what is private is left alone")
    func refused() async throws {
        let service = try await LiveService()
        try write(String(job("cut").dropLast(20)), service.incoming("cut.json"))
        try write("notes", service.incoming("notes.txt"))
        for name in [".hidden.json", "a.json.tmp", "a.json.part", "a.json~"] {
            try write(job("private"), service.incoming(name))
        }
        #expect(symlink("/etc/passwd", service.incoming("link.json")) == 0)
        #expect(mkfifo(service.incoming("pipe.json"), 0o600) == 0)
        try FileManager.default.createDirectory(atPath: service.incoming("empty"), withIntermediateDirectories: true)
        let expected = [
            "cut": "cut.json", "notes.txt": "notes.txt", "link": "link.json", "pipe": "pipe.json", "empty": "empty",
        ]
        for (name, drop) in expected {
            try await eventually("\(drop) is refused") { try service.names("rejected").contains("\(name).error.json") }
            let receipt = try JSONText.decode(
                Receipt.self,
                from: PosixFileSystem().read("\(service.spool)/rejected/\(name).error.json", limit: 1 << 20))
            #expect(receipt.name == drop && !receipt.problems.isEmpty)
            for problem in receipt.problems {
                #expect(problem.remedy?.isEmpty == false && problem.file?.hasPrefix(drop) == true, "\(problem)")
            }
            try await eventually("\(drop) has been moved") { try service.names("rejected").contains(drop) }
        }
        #expect(try service.names("incoming").sorted() == [".hidden.json", "a.json.part", "a.json.tmp", "a.json~"])
        #expect(try service.names("jobs").isEmpty)
    }

    @Test("of a directory brings its input files", arguments: ["moved", "copied", "submitted"])
    func directory(way: String) async throws {
        let service = try await LiveService()
        let bundle = service.directory(way)
        try ShapesFolder.write(to: "\(bundle)/pictures", count: 12, resolution: 8, channels: 1)
        let text = TinyJobs.training(way, steps: 2).replacing(
            "\"format\": \"synthetic\", \"name\": \"shapes\", \"count\": 100",
            with: "\"format\": \"image_folder\", \"path\": \"pictures\""
        ).replacing("\"validation_split\": 16", with: "\"validation_split\": 2")
        switch way {
        case "moved":
            try write(text, "\(bundle)/job.json")
            #expect(rename(bundle, service.incoming(way)) == 0)
        case "copied":
            // The job file comes first and its inputs after it, as `cp -r` may have it.
            try FileManager.default.createDirectory(atPath: service.incoming(way), withIntermediateDirectories: false)
            try write(text, service.incoming("\(way)/job.json"))
            try FileManager.default.copyItem(atPath: "\(bundle)/pictures", toPath: service.incoming("\(way)/pictures"))
        default:
            try write(text, "\(bundle)/job.json")
            let answer = try await service.diffctl("submit", bundle)
            #expect(answer.status == 0 && answer.output.contains(way), "\(answer)")
        }
        #expect(try await service.ended([way]) == [.succeeded])
        let folder = try service.folder(way)
        #expect(try folder.exists("inputs/pictures/disc/00000.png") && folder.exists("model/model_index.json"))
        #expect(try service.names("incoming").isEmpty)
    }

    @Test("of a directory is told of itself, whoever else hands in a job of its name")
    func token() async throws {
        let service = try await LiveService()
        let bundle = service.directory("flowers")
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        try write(
            job("flowers").replacing(
                "\"format\": \"synthetic\", \"name\": \"shapes\", \"count\": 100",
                with: "\"format\": \"image_folder\", \"path\": \"no-such-pictures\""), "\(bundle)/job.json")
        let errors = service.directory("submit-errors")
        let mine = try ChildProcess(
            Program.control.path, ["submit", bundle],
            environment: ["PATH": "/usr/bin:/bin", "DIFFD_SOCKET": service.socket], output: errors)
        // Before the directory has been quiet for long enough.
        try await eventually("the directory has been handed in") {
            try service.names("incoming").contains("flowers") || !service.names("rejected").isEmpty
        }
        _ = try service.client.submit(Submission(bytes: Array(job("flowers").utf8), suggestedName: "flowers"))
        #expect(try await mine.wait() == .status(65))
        let said = String(decoding: try PosixFileSystem().read(errors, limit: 1 << 20), as: UTF8.self)
        #expect(said.contains("no-such-pictures"), "\(said)")
    }

    @Test("through the socket is a job when the answer comes")
    func socket() async throws {
        let service = try await LiveService()
        let id = try await service.submit(job("handed"))
        #expect(try service.job("handed")?.exists("request.json") == true)
        #expect(try await service.diffctl("status", "\(id)").status == 0)
        // By hand, as anybody with curl does it.
        let output = service.directory("answer")
        let curl = try ChildProcess(
            "/usr/bin/curl",
            [
                "-sS", "--unix-socket", service.socket, "-H", "Content-Type: application/json", "--data-binary",
                job("curled"), "http://diffd/v1/jobs?name=x",
            ],
            output: output)
        #expect(try await curl.wait() == .status(0))
        let answer = try JSONText.decode(JobStatus.self, from: PosixFileSystem().read(output, limit: 1 << 20))
        #expect(answer.name == "curled" && answer.state == .held && answer.id == id + 1)
        #expect(try service.client.jobs().jobs.map(\.name) == ["handed", "curled"])
    }
}
