import DurableFiles
import Foundation
package import JobSpec
package import Problems
import StrictJSON

/// A job file, or a directory that holds one with its inputs, that a user names on the command line.
package struct JobFile: Sendable {
    /// As the user wrote it; `-` for standard input.
    package var path: String
    /// A directory `NAME/` with `job.json` and input files.
    package var isBundle: Bool
    package var bytes: [UInt8]
    /// The file's or the directory's own name, without `.json`.
    package var name: String
    package var spec: JobSpec

    /// Throws everything that is wrong with the file, told with the path as the user wrote it.
    ///
    /// - Parameter overrides: members to set; the file's bytes are then those of the changed job.
    package init(path: String, overrides: [Override] = []) throws(Problems) {
        self.path = path
        do {
            if path == "-" {
                isBundle = false
                name = "job"
                bytes =
                    try FileHandle.standardInput.read(upToCount: JobSpec.maximumFileSize + 1).map { [UInt8]($0) } ?? []
            } else {
                let files = PosixFileSystem()
                guard let status = try files.status(path, followsLinks: true) else {
                    throw Problem(
                        .missing, "there is no such file", remedy: "Name a job file, or a directory with a job.json.")
                }
                isBundle = status.kind == .directory
                let url = URL(fileURLWithPath: path)
                name =
                    isBundle || url.pathExtension != "json"
                    ? url.lastPathComponent : url.deletingPathExtension().lastPathComponent
                bytes = try files.read(
                    isBundle ? Path.join(path, "job.json") : path, limit: JobSpec.maximumFileSize, followsLinks: true)
            }
            if overrides.isEmpty {
                spec = try JobSpec.decode(bytes, fileName: name)
            } else {
                var job = try JSONNode.parse(bytes)
                for override in overrides { try override.apply(to: &job) }
                spec = try JobSpec.decode(job, fileName: name)
                bytes = Array(job.text.utf8)
            }
        } catch {
            throw Self.located(error, isBundle: Self.isDirectory(path), path)
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    private static func located(_ error: any Error, isBundle: Bool, _ path: String) -> Problems {
        let file = path == "-" ? "standard input" : isBundle ? Path.join(path, "job.json") : path
        let problems: [Problem]
        switch error {
        case let error as Problems: problems = error.all
        case let error as Problem: problems = [error]
        default: problems = [Problem(.io, "cannot read it", cause: error.systemReason)]
        }
        return Problems(
            problems.map { problem in
                var problem = problem
                problem.file = file
                return problem
            })
    }
}
