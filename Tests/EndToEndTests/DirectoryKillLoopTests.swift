import Foundation
import Glibc
import JobSpec
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

/// The drop protocol's promise for directories that grow in place: whenever the daemon dies, each becomes one job with all
/// that was copied.
@Suite("a kill loop over directories") struct DirectoryKillLoopTests {
    /// `make torture` sets the number of kills.
    private static let kills = ProcessInfo.processInfo.environment["DIFFD_TORTURE"].flatMap { Int($0) } ?? 6
    /// Directories that are copied at a time.
    private static let copies = 4

    /// A job that is accepted and then left alone, and files for it, the job file among them at a place of its own.
    private struct Bundle: Sendable {
        let name: String
        let files: [(path: String, bytes: [UInt8])]

        init(_ name: String, using random: inout SeededGenerator) {
            self.name = name
            var files = (0..<40).map { number in
                let size = Int.random(in: 0...20_000, using: &random)
                let bytes = (0..<size).map { _ in UInt8.random(in: .min ... .max, using: &random) }
                return ("pictures/\(number % 3)/\(number).png", bytes)
            }
            let job = TinyJobs.training(name, steps: 2).replacing("\"seed\"", with: "\"hold\": true, \"seed\"")
                .replacing(
                    "\"format\": \"synthetic\", \"name\": \"shapes\", \"count\": 100",
                    with: "\"format\": \"image_folder\", \"path\": \"pictures\"")
            files.insert(("job.json", Array(job.utf8)), at: Int.random(in: 0...files.count, using: &random))
            self.files = files
        }

        /// Copies it file by file, with pauses.
        func copy(to directory: String, seed: UInt64) async throws {
            var random = SeededGenerator(seed: seed)
            let manager = FileManager.default
            try manager.createDirectory(atPath: directory, withIntermediateDirectories: false)
            for (path, bytes) in files {
                let place = URL(filePath: "\(directory)/\(path)")
                try manager.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
                try #require(manager.createFile(atPath: place.path, contents: nil))
                let file = try FileHandle(forWritingTo: place)
                try file.write(contentsOf: bytes.prefix(bytes.count / 2))
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...50, using: &random)))
                try file.write(contentsOf: bytes.dropFirst(bytes.count / 2))
                try file.close()
            }
        }
    }

    @Test("that are copied while the daemon dies loses nothing and takes nothing in twice or in part")
    func killLoop() async throws {
        let service = try await LiveService(["directory_quiet": "2"])
        var random = SeededGenerator(seed: 11)
        var (kills, rounds) = (0, 0)
        var names: [String] = []
        while kills < Self.kills {
            rounds += 1
            let bundles = (0..<Self.copies).map { Bundle("round-\(rounds)-\($0)", using: &random) }
            names += bundles.map(\.name)
            try await withThrowingTaskGroup(of: Void.self) { copying in
                for (number, bundle) in bundles.enumerated() {
                    let (place, seed) = (service.incoming(bundle.name), UInt64(rounds * Self.copies + number))
                    copying.addTask { try await bundle.copy(to: place, seed: seed) }
                }
                try await fire(at: service, bundles, &kills, using: &random)
                try await copying.waitForAll()
            }
            try await eventually("all are taken in") { try service.names("incoming").isEmpty }
            for bundle in bundles { try expectWhole(bundle, service) }
        }
        #expect(try service.names("rejected").isEmpty, "\(service.log)")
        let listed = try await service.diffctl("list", "--json").json["jobs"]?.elements?.compactMap {
            $0["name"]?.string
        }
        #expect(listed?.sorted() == names.sorted())
        print("\(kills) kills while \(names.count) directories were copied: each became one job with all its files")
    }

    /// Kills the daemon, half of the times while it takes a directory in, until all are in or there were enough kills.
    private func fire(
        at service: LiveService, _ bundles: [Bundle], _ kills: inout Int, using random: inout SeededGenerator
    ) async throws {
        func taken() throws -> Int { try bundles.count { try service.job($0.name) != nil } }
        while kills < Self.kills {
            let before = try taken()
            if before == bundles.count { return }
            if Bool.random(using: &random) {
                try await eventually("a directory is taken in") { try taken() > before }
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...10, using: &random)))
            } else {
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...2500, using: &random)))
            }
            try await service.stop(SIGKILL)
            kills += 1
            try await service.start()
        }
    }

    private func expectWhole(_ bundle: Bundle, _ service: LiveService) throws {
        let folder = try service.folder(bundle.name)
        for (path, bytes) in bundle.files {
            #expect(try folder.bytes("inputs/\(path)") == bytes, "\(bundle.name): \(path)")
        }
        let status = try #require(try folder.status())
        #expect(status.state == .held && status.inputs?.files == bundle.files.count, "\(status)")
    }
}
