import DurableFiles
import Foundation
import Problems
import TestSupport
import Testing

@Suite struct ReadConfinementTests {
    /// Runs `body` in a thread of its own: what is given up is gone for good.
    private func thread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: body()) }.start()
        }
    }

    private static func code(_ path: String) -> Problem.Code? {
        do {
            _ = try ReadableFile(path, followsLinks: true).read(1, at: 0)
            return nil
        } catch {
            return (error as? Problem)?.code
        }
    }

    @Test func readsWhatIsAllowedByWhicheverName() async throws {
        let directory = try TemporaryDirectory()
        let files = PosixFileSystem()
        for name in ["spool", "spool/inner", "elsewhere", "listed"] {
            try files.createDirectory(directory(name), mode: 0o700)
        }
        for name in ["spool/inner/a", "elsewhere/secret", "single", "listed/secret"] {
            try files.writeAtomically([1], to: directory(name))
        }
        try files.createSymbolicLink(directory("spool/link"), to: directory("elsewhere/secret"))
        try files.createSymbolicLink(directory("spool/folder"), to: directory("elsewhere"))
        try files.createSymbolicLink(directory("elsewhere/back"), to: directory("spool/inner/a"))
        try files.createSymbolicLink(directory("linked"), to: directory("elsewhere"))
        let root = directory.path
        let codes: [String: Problem.Code]? = await thread {
            do {
                let paths = ["\(root)/spool", "\(root)/single", "\(root)/not/there", "\(root)/linked"]
                guard try ReadConfinement.begin(paths, listed: ["\(root)/listed"]) else { return nil }
            } catch {
                return ["begin": .internal]
            }
            var codes: [String: Problem.Code] = [:]
            for name in [
                "spool/inner/a", "single", "elsewhere/back", "spool/link", "spool/folder/secret", "elsewhere/secret",
                "spool/../elsewhere/secret", "listed/secret",
            ] { codes[name] = Self.code("\(root)/\(name)") }
            // Its names may be read, and its files not.
            if (try? files.list("\(root)/listed").entries.map(\.name)) != ["secret"] { codes["listed"] = .internal }
            return codes
        }
        // An old kernel: then the paths alone are checked.
        guard let codes else { return }
        #expect(
            codes == [
                "spool/link": .denied, "spool/folder/secret": .denied, "elsewhere/secret": .denied,
                "spool/../elsewhere/secret": .denied, "listed/secret": .denied,
            ])
        #expect(Self.code(directory("elsewhere/secret")) == nil, "other threads are as they were")
    }
}
