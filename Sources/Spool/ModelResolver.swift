public import DurableFiles
import Glibc
public import JobSpec
public import Problems
import StrictJSON

/// Finds the directory or file of the model that a job names, and publishes models.
public struct ModelResolver: Sendable {
    private let layout: SpoolLayout
    private let policy: PathPolicy
    private let files: any FileSystem

    public init(_ layout: SpoolLayout, _ policy: PathPolicy, in files: any FileSystem) {
        self.layout = layout
        self.policy = policy
        self.files = files
    }

    /// The absolute path, without links, of the model's directory, or of the one file that it is.
    ///
    /// - Parameters:
    ///   - base: where relative paths start; nil: from the spool.
    ///   - role: what names it, for problems.
    public func location(
        of reference: ModelReference, base: String? = nil, as role: JobInput.Role = .model
    ) throws(Problem) -> String {
        do {
            let path = try find(reference, base: base ?? layout.root)
            switch try files.status(path)?.kind {
            case .directory: return path
            case .regular where path.hasSuffix(".safetensors"): return path
            default:
                throw Problem(
                    .invalid, "the model \(reference) is neither a directory nor a .safetensors file",
                    remedy: "Name one of them.")
            }
        } catch {
            var problem = Problem.wrapping(error, cannot: "find the model \(reference)")
            problem.path = problem.path ?? role.jsonPath
            throw problem
        }
    }

    private func find(_ reference: ModelReference, base: String) throws -> String {
        switch reference {
        case .path(let path): return try policy.resolve(path, base: base)
        case .published(let name):
            let link = Path.join(layout.models, name)
            if let status = try files.status(link), status.kind == .symbolicLink, !Self.isTrusted(status) {
                throw Problem(
                    .denied, "models/\(name) is a link that user \(status.owner) has made, which jobs do not follow",
                    remedy: "Name the model's directory by its path, or remove the link.")
            }
            if try files.status(link, followsLinks: true) != nil { return try policy.resolve(link, base: base) }
            let names = try files.list(layout.models).entries.map(\.name).filter { !$0.hasPrefix(".") }
            throw Problem(
                .missing, "there is no model named \(name)",
                remedy: names.isEmpty
                    ? "None is published yet: train one, or name a path with a /."
                    : "Published are: \(names.prefix(20).joined(separator: ", ")).")
        case .jobID(let id): return try model(of: reference) { $0.id == id }
        case .jobName(let name): return try model(of: reference) { $0.name == name }
        }
    }

    /// The model of the newest job that `isMeant` and has one.
    private func model(of reference: ModelReference, _ isMeant: ((id: Int, name: String)) -> Bool) throws -> String {
        let jobs = try jobs(isMeant)
        for (_, directory) in jobs {
            let model = Path.join(layout.jobDirectory(directory), JobFiles.model)
            if try files.exists(model) { return try policy.resolve(model, base: layout.root) }
        }
        guard let (job, directory) = jobs.first else { throw Self.noJob("\(reference)") }
        throw Problem(
            .missing, "job \(job.id) \(job.name) has published no model", remedy: remedy(forLack: job.id, directory))
    }

    private func remedy(forLack id: Int, _ directoryName: String) -> String {
        let path = Path.join(layout.jobDirectory(directoryName), "status.json")
        let wait = "Wait until its training has succeeded: add \"after\": [\(id)] to this job."
        // Without it nothing is known against the job.
        guard let bytes = try? files.read(path, limit: 1 << 20),
            let status = try? JSONText.decode(JobStatus.self, from: bytes)
        else { return wait }
        if status.kind != .train {
            return "A job of kind \"\(status.kind.rawValue)\" makes none: name the one that trained the model."
        }
        switch status.state {
        case .failed, .cancelled:
            return "It has \(status.state == .failed ? "failed" : "been cancelled"): put it back into the queue with "
                + "diffctl requeue \(id), or name another."
        case .succeeded: return "Its model was removed: train it again, or name another."
        case .queued, .held, .running, .cancelling: return wait
        }
    }

    /// The directory of what the newest job of that name, or the one of that id, has written, which may not be there yet.
    public func outputs(of reference: JobReference) throws -> String {
        let found = try jobs { job in
            switch reference {
            case .id(let id): job.id == id
            case .name(let name): job.name == name
            }
        }
        guard let directory = found.first?.directory else { throw Self.noJob("job:\(reference)") }
        return Path.join(layout.jobDirectory(directory), JobFiles.outputs)
    }

    /// The jobs that are meant, the newest first.
    private func jobs(
        _ isMeant: ((id: Int, name: String)) -> Bool
    ) throws -> [(job: (id: Int, name: String), directory: String)] {
        try files.list(layout.jobs).entries.compactMap { entry in
            SpoolLayout.job(fromDirectoryName: entry.name).map { ($0, entry.name) }
        }.filter { isMeant($0.job) }.sorted { $0.job.id > $1.job.id }
    }

    private static func noJob(_ reference: String) -> Problem {
        Problem(
            .missing, "there is no \(reference)", remedy: "See `diffctl list` for the jobs that there are.")
    }

    /// Lets `models/NAME` mean the model in a job's directory from now on.
    public func publish(_ name: String, from directoryName: String) throws {
        try files.linkDurably(Path.join(layout.models, name), to: Self.target(directoryName))
    }

    /// Where the link to the model of a job's directory leads.
    public static func target(_ directoryName: String) -> String { "../jobs/\(directoryName)/\(JobFiles.model)" }

    /// Whether a link is ours, or root's: others write into `models/` too, and a name belongs to whom it was given.
    public static func isTrusted(_ link: FileStatus) -> Bool { [0, geteuid()].contains(link.owner) }
}
