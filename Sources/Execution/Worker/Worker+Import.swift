internal import Checkpoints
internal import DurableFiles
internal import Foundation
internal import JobSpec
internal import Problems
internal import StrictJSON

#if canImport(Glibc)
    internal import Glibc
#endif

extension Worker {
    /// Writes a model in one file as a directory, as the user who runs diffctl, and tells what came of it.
    ///
    /// - Parameter order: a `ModelImport`, as JSON.
    static func importModel(_ order: String) throws -> Int32 {
        let order = try JSONText.decode(ModelImport.self, from: Array(order.utf8))
        var outcome = ModelImport.Outcome(family: nil, directory: order.directory)
        do {
            let files = PosixFileSystem()
            guard try !files.exists(order.directory) else {
                throw Problem(
                    .invalid, "\(order.directory) is there already", remedy: "Choose another name, or remove it first.")
            }
            // The daemon's workers read it, whoever has made it.
            umask(0o022)
            let model = try SingleFile(order.file, variant: order.variant, predictionType: order.predictionType)
            outcome.warnings = model.warnings
            try model.publish(at: order.directory, in: files)
            outcome.family = model.family.rawValue
        } catch {
            outcome.problems = problems(error)
        }
        try FileHandle.standardOutput.write(contentsOf: Data(JSONText.encode(outcome)))
        return outcome.problems.isEmpty ? WorkerExit.succeeded : WorkerExit.failed
    }
}
