import Configurations
public import DurableFiles
public import Foundation
public import JobSpec
public import Problems
import StrictJSON

/// How a job came into the spool; `.accepted.json` of its directory. With `job.json` it is all that is needed to make the job's row again.
public struct Acceptance: Sendable, Codable, Hashable {
    public var id: Int
    public var submittedAt: Date
    /// The user who submitted it.
    public var owner: String?
    /// Identifies the drop or submission.
    public var token: String

    enum CodingKeys: String, CodingKey {
        case id
        case submittedAt = "submitted_at"
        case owner, token
    }

    public init(id: Int, submittedAt: Date, owner: String?, token: String) {
        self.id = id
        self.submittedAt = submittedAt
        self.owner = owner
        self.token = token
    }
}

/// The steps that make a drop a job directory. Each can be repeated, after a crash between any two too:
///
/// 1. the store reserves an id for the drop's token, the same one each time;
/// 2. `prepare`: the job directory appears, whole, under its name; the rest of a dropped directory moves into it;
/// 3. the store publishes the row;
/// 4. `removeDrop`; then the store forgets the token.
public struct JobDirectories: Sendable {
    private let layout: SpoolLayout
    private let files: any FileSystem
    private let policy: PathPolicy

    public init(_ layout: SpoolLayout, _ policy: PathPolicy, in files: any FileSystem) {
        self.layout = layout
        self.policy = policy
        self.files = files
    }

    /// The job with its input paths made absolute and free of links.
    ///
    /// - Parameters:
    ///   - drop: the dropped directory's name, from which relative paths start; nil: they start from the spool.
    ///   - owner: who submits it.
    /// - Throws: a problem for each path that is missing, of the wrong kind, or not allowed.
    public func resolveInputs(
        of spec: JobSpec, file: String, drop: String? = nil, owner: String? = nil
    ) throws(Problems) -> JobSpec {
        let base = drop.map { Path.join(layout.incoming, $0) } ?? layout.root
        let policy = policy.of(owner, in: drop == nil ? nil : base)
        var problems: [Problem] = []
        let resolved = spec.mapInputs { input in
            do throws(Problem) {
                let path: String
                do throws(Problem) {
                    path = try policy.resolve(input.path, base: base)
                } catch {
                    // A model may be the work of a job that has not run yet: it is looked for when this one starts.
                    guard input.role == .model || input.role == .autoencoder, error.code == .missing else {
                        throw error
                    }
                    return Path.join(base, input.path)
                }
                try check(path, input)
                return path
            } catch {
                var problem = error.inFile(file)
                problem.path = input.role.jsonPath
                problems.append(problem)
                return input.path
            }
        }
        guard problems.isEmpty else { throw Problems(problems) }
        if case .train(let job) = resolved {
            do throws(Problem) { try checkAutoencoder(of: job, policy) } catch { throw Problems([error.inFile(file)]) }
        }
        return resolved
    }

    private func check(_ path: String, _ input: JobInput) throws(Problem) {
        let kind: FileKind?
        do { kind = try files.status(path)?.kind } catch {
            throw Problem.wrapping(error, cannot: "look at \(input.path)")
        }
        // A folder of pictures, or of a clip's frames.
        if [.image, .video, .to, .samples, .reference].contains(input.role), kind == .directory { return }
        let wantsDirectory = [.datasetPath, .model, .autoencoder].contains(input.role)
        guard kind != (wantsDirectory ? .directory : .regular) else { return }
        throw Problem(
            .invalid, "\(input.path) is not a \(wantsDirectory ? "directory" : "regular file")",
            remedy: wantsDirectory ? "Name the directory." : "Name the file itself.")
    }

    /// Whether the autoencoder of a training fits it, where that can be seen now: one that an earlier job has still to make is looked at
    /// when this one starts.
    private func checkAutoencoder(of job: TrainJob, _ policy: PathPolicy) throws(Problem) {
        guard let reference = job.autoencoder, job.common.after.isEmpty else { return }
        let models = ModelResolver(layout, policy, in: files)
        // What cannot be found or read yet is told by the job.
        guard let directory = try? models.directory(of: reference, as: .autoencoder) else { return }
        for file in AutoencoderKLConfiguration.files.map({ Path.join(directory, $0) }) {
            guard let bytes = try? files.read(file, limit: 1 << 20, followsLinks: true) else { continue }
            guard let (configuration, _) = try? AutoencoderKLConfiguration.read(config: bytes) else { return }
            if let mismatch = job.mismatch(with: configuration) { throw mismatch }
            return
        }
    }

    /// Makes the job directory of an accepted job, unless it is there; returns its name under `jobs`.
    ///
    /// - Parameters:
    ///   - spec: with its inputs resolved.
    ///   - request: the job file, byte for byte.
    ///   - drop: the dropped directory's name, whose content goes with the job.
    @discardableResult
    public func prepare(
        _ spec: JobSpec, request: [UInt8], acceptance: Acceptance, drop: String? = nil
    ) throws -> String {
        let name = SpoolLayout.directoryName(id: acceptance.id, name: spec.name)
        let directory = layout.jobDirectory(name)
        let inputs = Path.join(directory, JobFiles.inputs)
        if try !files.exists(directory) {
            var spec = spec
            if let drop {
                let source = Path.join(layout.incoming, drop)
                for old in [source, try files.resolved(source)] { spec = spec.movingInputs(from: old, to: inputs) }
            }
            let record = try JSONText.encode(acceptance)
            try files.publishDirectory(directory, mode: 0o770) { temporary in
                for (file, bytes) in [
                    (JobFiles.request, request), (JobFiles.job, Array(spec.json.text.utf8)),
                    (JobFiles.acceptance, record),
                ] {
                    try files.writeAtomically(bytes, to: Path.join(temporary, file), mode: 0o660)
                }
            }
        }
        if let drop {
            let source = Path.join(layout.incoming, drop)
            if try files.exists(source), try !files.exists(inputs) {
                try files.synchronizeTree(source)
                try files.moveDurably(source, to: inputs)
            }
        }
        return name
    }

    /// Removes an accepted drop from `incoming/`, unless something else has taken its name since.
    public func removeDrop(_ name: String, token: String) throws {
        guard let state = try EntryState(layout, name, files), state.token == token else { return }
        try files.removeDurably(Path.join(layout.incoming, name))
    }

    /// What is known of a job from its directory alone: for recovery.
    public func read(_ directoryName: String) throws -> (spec: JobSpec, acceptance: Acceptance) {
        let directory = layout.jobDirectory(directoryName)
        let record = Path.join(directory, JobFiles.acceptance)
        let acceptance = try JSONText.decode(
            Acceptance.self, from: try files.read(record, limit: 1 << 16), file: record)
        let job = Path.join(directory, JobFiles.job)
        // Written out in full, a job may be longer than its file was.
        let root = try JSONNode.parse(try files.read(job, limit: 8 * JobSpec.maximumFileSize), file: job)
        return (try JobSpec.decode(root, fileName: job), acceptance)
    }
}

extension JobSpec {
    /// Inputs within one directory that moves to another place.
    fileprivate func movingInputs(from old: String, to new: String) -> JobSpec {
        mapInputs { input in
            if input.path == old { return new }
            return input.path.hasPrefix(old + "/") ? new + input.path.dropFirst(old.count) : input.path
        }
    }
}

extension Problem {
    /// An error of the file system as a problem.
    static func wrapping(_ error: any Error, cannot what: String) -> Problem {
        error as? Problem ?? Problem(.io, "cannot \(what)", cause: "\(error)")
    }
}
