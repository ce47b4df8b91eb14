import DurableFiles
import JobQueue
import JobSpec
import Problems
import Spool

/// Looks at what a job names when it is handed in: whether it is there or will be, and whether the job can use it. What only the files of a
/// finished model tell is looked at by its worker.
struct References {
    private let store: QueueStore
    private let layout: SpoolLayout
    private let directories: JobDirectories
    private let models: ModelResolver

    init(_ settings: SchedulerSettings, _ store: QueueStore, _ files: any FileSystem) throws {
        self.store = store
        layout = SpoolLayout(root: settings.spool)
        let policy = try PathPolicy(spool: settings.spool, allowedPaths: settings.allowedPaths, in: files)
        directories = JobDirectories(layout, policy, in: files)
        models = ModelResolver(layout, policy, in: files)
    }

    /// What a look at a job's references gives.
    struct Outcome {
        /// The jobs that must succeed before: those of `after`, and those that have yet to make what the job uses.
        var waitsFor: Set<Int> = []
        var problems: [Problem] = []

        /// Whether all that is wrong is that something is not there: it may be about to come.
        var lacksOnly: Bool { !problems.isEmpty && problems.allSatisfy { $0.code == .missing } }
    }

    /// - Parameter file: the job file, for problems.
    func look(at spec: JobSpec, file: String) throws -> Outcome {
        var outcome = Outcome()
        for use in spec.uses {
            do {
                if let id = try awaited(by: use, of: spec) { outcome.waitsFor.insert(id) }
            } catch let problems as Problems {
                outcome.problems += problems.all.map { Self.place($0, use, file) }
            } catch let problem as Problem where [.missing, .invalid, .denied, .unsupported].contains(problem.code) {
                outcome.problems.append(Self.place(problem, use, file))
            }
        }
        return outcome
    }

    private static func place(_ problem: Problem, _ use: JobUse, _ file: String) -> Problem {
        var problem = problem
        problem.path = problem.path ?? use.path
        problem.file = file
        return problem
    }

    /// The job that `use` makes `spec` wait for; nil where what it names is there.
    private func awaited(by use: JobUse, of spec: JobSpec) throws -> Int? {
        switch use.purpose {
        case .after: return try job(use.job).id
        case .pictures:
            let job = try job(use.job)
            guard job.kind != .train, job.kind != .evaluate else {
                throw Problem(
                    .invalid, "job \(job.id) \(job.name) is of kind \"\(job.kind.rawValue)\", which makes no pictures",
                    remedy: "Name a job that draws.")
            }
            return job.state.isFinal ? nil : job.id
        case .model(let role):
            let reference: ModelReference =
                switch use.job {
                case .id(let id): .jobID(id)
                case .name(let name): .jobName(name)
                }
            if try isThere(reference, role, spec) { return nil }
            return try training(try trainingNamed(use.job) ?? job(use.job), role, spec)
        case .published(let role):
            guard case .name(let name) = use.job else { return nil }
            if try isThere(.published(name), role, spec) { return nil }
            guard let job = try trainingNamed(use.job), !job.state.isFinal else {
                _ = try models.location(of: .published(name), as: role)
                return nil
            }
            return try training(job, role, spec)
        }
    }

    private func job(_ reference: JobReference) throws -> JobRecord {
        if let job = try store.job(reference) { return job }
        throw Problem(
            .missing, "there is no job \(reference)", remedy: "Name a job that has been accepted (diffctl list).")
    }

    /// The newest training that is meant: other jobs may have its name too.
    private func trainingNamed(_ reference: JobReference) throws -> JobRecord? {
        guard case .name(let name) = reference else { return nil }
        return try store.jobs(in: Set(JobState.allCases), named: name).last { $0.kind == .train }
    }

    /// Whether a model is there, which the job then must be able to use.
    private func isThere(_ reference: ModelReference, _ role: JobInput.Role, _ spec: JobSpec) throws -> Bool {
        let path: String
        do { path = try models.location(of: reference, as: role) } catch {
            if error.code == .missing { return false }
            throw error
        }
        // Of a model that was put there by hand no job tells.
        let directory = Path.name(Path.parent(path))
        if path.utf8.starts(with: layout.jobs.utf8), SpoolLayout.job(fromDirectoryName: directory) != nil {
            try prove(directory, role, spec)
        }
        return true
    }

    /// A training that has no model yet.
    private func training(_ job: JobRecord, _ role: JobInput.Role, _ spec: JobSpec) throws -> Int {
        guard job.kind == .train else {
            throw Problem(
                .invalid, "job \(job.id) \(job.name) is of kind \"\(job.kind.rawValue)\", which makes no model",
                remedy: "Name the job that trained the model.")
        }
        switch job.state {
        case .succeeded:
            throw Problem(
                .missing, "the model of job \(job.id) \(job.name) is gone",
                remedy: "Train it again: diffctl requeue \(job.id).")
        case .failed, .cancelled:
            throw Problem(
                .missing,
                "job \(job.id) \(job.name) \(job.state == .failed ? "has failed" : "was cancelled"), and has made no model",
                remedy: "Put it back into the queue first: diffctl requeue \(job.id).")
        case .queued, .held, .running, .cancelling: break
        }
        try prove(job.directory, role, spec)
        return job.id
    }

    /// Throws what keeps `spec` from using what the job of a directory trains.
    private func prove(_ directory: String, _ role: JobInput.Role, _ spec: JobSpec) throws {
        // One whose job.json cannot be read is told of elsewhere.
        guard let (training, _) = try? directories.read(directory) else { return }
        let faults = spec.faults(using: training, as: role, of: first(of: training))
        if !faults.isEmpty { throw Problems(faults) }
    }

    /// The training of the autoencoder whose latents another one learns, where a job tells it.
    private func first(of training: JobSpec) -> JobSpec? {
        guard case .train(let job) = training, let reference = job.autoencoder else { return nil }
        let found: JobRecord? =
            switch reference {
            case .jobID(let id): try? store.job(id)
            case .jobName(let name), .published(let name): try? trainingNamed(.name(name))
            case .path: nil
            }
        return found.flatMap { try? directories.read($0.directory).spec }
    }
}
