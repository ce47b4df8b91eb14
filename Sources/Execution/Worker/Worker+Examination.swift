internal import DurableFiles
internal import Foundation
internal import JobSpec
internal import Problems
internal import StrictJSON

extension Worker {
    /// Looks at a job as the user who runs diffctl, up to what would be its first step, and tells what was found.
    ///
    /// - Parameter order: a `JobExamination`, as JSON.
    static func examine(_ order: String) throws -> Int32 {
        let order = try JSONText.decode(JobExamination.self, from: Array(order.utf8))
        let directory = FileManager.default.temporaryDirectory.appending(path: "diffd-\(UUID().uuidString)").path
        let files = PosixFileSystem()
        try files.createDirectory(directory, mode: 0o700)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let examination = Examination()
        do {
            let spec = try JobSpec.decode(Array(order.job.utf8), fileName: order.name).mapInputs { input in
                order.directory.map { Path.join($0, input.path) } ?? input.path
            }
            let arguments = WorkerArguments(
                job: directory, spool: order.spool, threads: order.threads,
                // Whether the daemon's jobs may read it is seen when the job is handed in.
                allowedPaths: (spec.inputs.map(\.path) + [order.directory].compactMap(\.self)).filter {
                    $0.hasPrefix("/")
                })
            _ = try execute(
                .success(spec), JobContext(arguments, stop: StopRequest(), examination: examination))
        } catch {
            examination.outcome.problems = Problems(problems(error)).bounded.all
        }
        try FileHandle.standardOutput.write(contentsOf: Data(JSONText.encode(examination.outcome)))
        return examination.outcome.problems.isEmpty ? WorkerExit.succeeded : WorkerExit.failed
    }
}
