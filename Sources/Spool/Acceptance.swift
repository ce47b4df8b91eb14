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
    /// What came with the job in a dropped directory; nil for a job without one.
    public var inputs: TakenInputs?

    enum CodingKeys: String, CodingKey {
        case id
        case submittedAt = "submitted_at"
        case owner, token, inputs
    }

    public init(id: Int, submittedAt: Date, owner: String?, token: String, inputs: TakenInputs? = nil) {
        self.id = id
        self.submittedAt = submittedAt
        self.owner = owner
        self.token = token
        self.inputs = inputs
    }
}

/// The steps that make a drop a job directory. Each can be repeated, after a crash between any two too:
///
/// 1. the store reserves an id for the drop's token, the same one each time;
/// 2. `prepare`: what a dropped directory holds is made durable; the job directory appears, whole, under its name; the
/// dropped directory
///    moves into it;
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
                    guard Self.models.contains(input.role), error.code == .missing else {
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

    /// What may be a directory or a file, and the work of another job.
    private static let models: Set<JobInput.Role> = [
        .model, .baseModel, .textEncoder, .autoencoder, .refiner, .loraModels,
    ]

    private func check(_ path: String, _ input: JobInput) throws(Problem) {
        let kind: FileKind?
        do { kind = try files.status(path)?.kind } catch {
            throw Problem.wrapping(error, cannot: "look at \(input.path)")
        }
        // A folder of pictures, or of a clip's frames.
        if [.image, .video, .to, .samples, .reference].contains(input.role), kind == .directory { return }
        // A model may be one file.
        if Self.models.contains(input.role), kind == .regular, path.hasSuffix(".safetensors") { return }
        let wantsDirectory = [.datasetPath, .priorPath].contains(input.role) || Self.models.contains(input.role)
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
        guard let directory = try? models.location(of: reference, as: .autoencoder) else { return }
        for file in AutoencoderKLConfiguration.files.map({ Path.join(directory, $0) }) {
            guard let bytes = try? files.read(file, limit: 1 << 20, followsLinks: true) else { continue }
            guard let (configuration, _) = try? AutoencoderKLConfiguration.read(config: bytes) else { return }
            if let mismatch = job.mismatch(with: configuration) { throw mismatch }
            return
        }
    }

    /// Makes the job directory of an accepted job, unless it is there; returns its name under `jobs`.
    ///
    /// The paths of inputs in its `job.json` start from the spool, as those of any job file, so that the spool may
    /// move.
    ///
    /// - Parameters:
    ///   - spec: with its inputs resolved.
    ///   - request: the job file, byte for byte.
    ///   - drop: the dropped directory's name, which goes with the job.
    ///   - seen: the drop as it was judged; nil takes it as it is.
    /// - Throws: code `unavailable` when the dropped directory has changed since it was judged.
    @discardableResult
    public func prepare(
        _ spec: JobSpec, request: [UInt8], acceptance: Acceptance, drop: String? = nil, seen: Drop? = nil
    ) throws -> String {
        let name = SpoolLayout.directoryName(id: acceptance.id, name: spec.name)
        let directory = layout.jobDirectory(name)
        let inputs = Path.join(directory, JobFiles.inputs)
        let source = drop.map { Path.join(layout.incoming, $0) }
        let isWaiting = try source.map { try files.exists($0) && !files.exists(inputs) } ?? false
        if isWaiting, let source {
            try files.synchronizeTree(source)
            try prove(source, is: seen)
            // Of an earlier try, which told what was there then.
            try files.removeDurably(directory)
        }
        if try !files.exists(directory) {
            var spec = spec
            if let source {
                for old in [source, try files.resolved(source)] { spec = spec.movingInputs(from: old, to: inputs) }
            }
            let roots = [try files.resolved(layout.root), layout.root]
            spec = spec.mapInputs { Self.relative($0, to: roots) }
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
        if isWaiting, let source { try files.moveDurably(source, to: inputs) }
        return name
    }

    private func prove(_ source: String, is seen: Drop?) throws {
        guard let seen else { return }
        var walk = DropWalk(files)
        try walk.visit(source, shown: seen.name, inner: ".", depth: 1)
        guard walk.fingerprint == seen.fingerprint, try files.status(source)?.dropToken == seen.token else {
            throw Problem(
                .unavailable, "the directory \(seen.name) has changed while it was taken in",
                remedy: "It is taken in when it is quiet again.", file: seen.name)
        }
    }

    /// `jobs/000042-set/inputs/pics` and `./flowers` for what lies in the spool; elsewhere paths stay absolute.
    private static func relative(_ input: JobInput, to roots: [String]) -> String {
        for root in roots where input.path.isBelow(root) {
            let rest = String(Substring(input.path.utf8.dropFirst(root.utf8.count + 1)))
            // With a slash, a model is named by its path.
            return rest.utf8.contains(UInt8(ascii: "/")) ? rest : "./" + rest
        }
        return input.path
    }

    /// What a job's `status.json` says; nil where there is none that can be read. A copy: the store decides where there
    /// is one.
    public func status(_ directoryName: String) -> JobStatus? {
        let path = Path.join(layout.jobDirectory(directoryName), "status.json")
        guard let bytes = try? files.read(path, limit: 1 << 20) else { return nil }
        return try? JSONText.decode(JobStatus.self, from: bytes)
    }

    /// Whether the job of a directory has what was dropped with it; false after a crash before that had moved.
    public func isWhole(_ directoryName: String, inputs: TakenInputs?) throws -> Bool {
        try inputs == nil || files.exists(Path.join(layout.jobDirectory(directoryName), JobFiles.inputs))
    }

    /// Removes the directory of a job that was never published.
    public func undo(_ directoryName: String) throws { try files.removeDurably(layout.jobDirectory(directoryName)) }

    /// What a job's inputs are at this moment; nil where none were dropped with it.
    public func inputs(of directoryName: String) throws -> TakenInputs? {
        let inputs = Path.join(layout.jobDirectory(directoryName), JobFiles.inputs)
        guard try files.exists(inputs) else { return nil }
        var walk = DropWalk(files)
        try walk.visit(inputs, shown: JobFiles.inputs, inner: ".", depth: 1)
        return walk.inputs
    }

    /// Removes an accepted drop from `incoming/`, unless something else has taken its name since.
    public func removeDrop(_ name: String, token: String) throws {
        guard try files.status(Path.join(layout.incoming, name))?.dropToken == token else { return }
        try files.removeDurably(Path.join(layout.incoming, name))
    }

    /// What is known of a job from its directory alone: for recovery.
    public func read(_ directoryName: String) throws -> (spec: JobSpec, acceptance: Acceptance) {
        let directory = layout.jobDirectory(directoryName)
        let record = Path.join(directory, JobFiles.acceptance)
        let acceptance = try JSONText.decode(
            Acceptance.self, from: try files.read(record, limit: 1 << 20), file: record)
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
        error as? Problem ?? Problem(.io, "cannot \(what)", cause: error.systemReason)
    }
}
