import Foundation
import JobSpec
import Testing

/// The job files of etc/examples, which the demo and the documentation use.
@Suite struct ExampleTests {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "etc/examples")

    /// None where they cannot be listed, which fails the first test.
    static let files = (try? FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()) ?? []

    @Test func thereIsOneOfEachKind() throws {
        let kinds = try Self.files.map { try spec($0).kind }
        #expect(Set(kinds) == Set(JobKind.allCases))
    }

    /// Their names are those that their followers name.
    @Test(arguments: files) func isAccepted(_ file: String) throws {
        #expect(try spec(file).name + ".json" == file)
    }

    private func spec(_ file: String) throws -> JobSpec {
        try JobSpec.decode(Array(Data(contentsOf: Self.directory.appending(path: file))), fileName: file)
    }
}
