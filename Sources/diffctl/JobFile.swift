import DurableFiles
import Foundation
package import JobSpec
package import Problems

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
    package init(path: String) throws(Problems) {
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
            spec = try JobSpec.decode(bytes, fileName: name)
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
        default: problems = [Problem(.io, "cannot read it", cause: String(describing: error))]
        }
        return Problems(
            problems.map { problem in
                var problem = problem
                problem.file = file
                return problem
            })
    }
}
