import DurableFiles
import Foundation
import JobQueue
import JobSpec
import Problems
import Safetensors
import Spool
import StrictJSON

/// The store, and whether store and directories agree.
extension Examination {
    mutating func lookAtJobs() {
        attempt(.store) { examination in
            let path = Path.join(examination.stateDirectory, "queue.sqlite")
            guard try examination.files.exists(path) else { return try examination.lookWithoutStore(path) }
            try examination.withStore(path) { try $0.compare(with: $1) }
        }
    }

    private mutating func lookWithoutStore(_ path: String) throws {
        guard try files.exists(layout.jobs), case let found = try layout.jobDirectories(in: files), !found.isEmpty
        else {
            return
        }
        note(
            .store, .error,
            Problem(
                .missing, "there is no store, but there are \(found.count) job directories",
                remedy:
                    "Put queue.sqlite back from a backup. Without it diffd finds the jobs when it starts, and holds those that had "
                    + "not ended.", file: path))
    }

    /// Opens the store of a running daemon to look only, and otherwise a copy: merely opening a store may change it.
    private mutating func withStore(_ path: String, _ body: (inout Examination, QueueStore) throws -> Void) throws {
        if isInUse { return try body(&self, QueueStore(path: path, isReadOnly: true)) }
        let copy = FileManager.default.temporaryDirectory.appending(path: "diffd-doctor-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: copy, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // A leftover in the temporary directory hurts nobody.
        defer { try? FileManager.default.removeItem(at: copy) }
        for suffix in ["", "-wal"] where try files.exists(path + suffix) {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: copy.path + "/queue.sqlite" + suffix)
        }
        do {
            try body(&self, QueueStore(path: copy.path + "/queue.sqlite"))
        } catch let problem as Problem {
            var problem = problem
            problem.remedy = problem.remedy?.replacing(copy.path + "/queue.sqlite", with: path)
            if problem.file?.hasPrefix(copy.path) == true { problem.file = path }
            throw problem
        }
    }

    private mutating func compare(with store: QueueStore) throws {
        let known = try store.directories()
        count(jobs: known.count)
        let found = try layout.jobDirectories(in: files)
        for (id, name) in found.sorted(by: { $0.key < $1.key }) where known[id] == nil {
            note(
                .jobs, .warning,
                Problem(
                    .missing, "job \(id) has the directory \(name), and the store does not know it",
                    remedy: "diffd takes it in when it starts, and holds it unless it had ended."))
        }
        for half in try store.halfAccepted() where !isInUse {
            note(
                .store, .warning,
                Problem(
                    .interrupted,
                    "the drop of job \(half.id) was \(half.isPublished ? "accepted and not removed" : "half accepted")",
                    remedy: "diffd finishes or undoes it when it starts."))
        }
        for job in try store.activeJobs() { attempt(.jobs) { try $0.look(at: job, found[job.id]) } }
        for job in try store.unannouncedEndings() where !isInUse {
            note(
                .jobs, .warning,
                Problem(
                    .interrupted, "job \(job.id) has \(job.state.rawValue), which its status.json may not say yet",
                    remedy: "diffd writes it when it starts."))
        }
    }

    /// A job that has not ended.
    private mutating func look(at job: JobRecord, _ found: String?) throws {
        if case .held(let hold) = job.phase,
            hold.cause == .broken || hold.cause == .crashed || hold.cause == .outOfMemory
        {
            note(
                .jobs, .error,
                Problem(
                    .invalid, "job \(job.id) \(job.name) is held: \(hold.detail)",
                    remedy: job.error?.remedy ?? "Release or cancel it: diffctl release \(job.id).",
                    cause: job.error?.message))
        }
        guard found == job.directory else {
            return note(
                .jobs, .error,
                Problem(
                    .missing, "the directory of job \(job.id) \(job.name) is gone",
                    remedy: "Put it back and release the job, or cancel the job: diffctl cancel \(job.id)."))
        }
        let directory = layout.jobDirectory(job.directory)
        let file = Path.join(directory, JobFiles.job)
        do {
            let bytes = try files.read(file, limit: 8 * JobSpec.maximumFileSize)
            _ = try JobSpec.decode(try JSONNode.parse(bytes, file: file), fileName: file)
        } catch {
            note(
                .jobs, .error,
                Problem(
                    .corrupt, "job.json of job \(job.id) \(job.name) cannot be used",
                    remedy: "Submit request.json of its directory as a new job.", file: file, cause: "\(error)"))
        }
        try lookAtStates(Path.join(directory, "checkpoints"))
    }

    /// The saved states from which a job would go on.
    private mutating func lookAtStates(_ directory: String) throws {
        guard try files.exists(directory) else { return }
        for entry in try files.list(directory).entries
        where entry.name.hasSuffix(".safetensors") && !entry.name.hasPrefix(".") {
            let path = Path.join(directory, entry.name)
            let damage: String?
            do {
                damage = try TensorChecksums.damage(of: SafetensorsFile(path))
            } catch let problem as Problem where problem.code == .missing {
                // A newer one has come, and this one is gone.
                continue
            } catch {
                damage = "\(error)"
            }
            countState()
            guard let damage else { continue }
            note(
                .jobs, .warning,
                Problem(
                    .corrupt, "a saved state is damaged: \(damage)",
                    remedy: "The job goes on from the one before; remove this file to silence the message.", file: path)
            )
        }
    }
}
