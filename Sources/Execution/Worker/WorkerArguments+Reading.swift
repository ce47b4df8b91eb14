internal import DurableFiles
internal import JobSpec
internal import Spool

/// What a worker may read once it has begun.
extension WorkerArguments {
    /// What the worker's own program needs to read, and the helpers that it starts.
    private static let system = [
        "/usr", "/lib", "/lib64", "/bin", "/proc", "/sys", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
        "/etc/ld.so.cache", "/etc/localtime",
    ]

    /// Gives up reading anything but the job's directory, what others have put into the spool for all, what this job names of that which
    /// earlier ones have made, the allowed paths and the system's programs; see `ReadConfinement`.
    ///
    /// - Parameter spec: nil for a job that cannot be read, which names nothing.
    func confineReading(for spec: JobSpec?, environment: [String: String]) throws -> Bool {
        let files = PosixFileSystem()
        let layout = SpoolLayout(root: try files.resolved(spool))
        let kept = try files.list(layout.root).entries.map { Path.join(layout.root, $0.name) }
            .filter { !layout.closed.contains($0) }
        let libraries = Self.entries(environment["LD_LIBRARY_PATH"])
        let programs = Self.entries(environment["PATH"])
        let besides = programs.map { Path.join(Path.parent($0), "lib") }
        // What is not there allows nothing.
        let elsewhere = (allowedPaths + Self.system + libraries + programs + besides + [job]).compactMap {
            try? files.resolved($0)
        }
        let made = try spec.map { try named(by: $0, layout, files) } ?? []
        return try ReadConfinement.begin(
            kept + [layout.latents] + made + elsewhere, listed: [layout.jobs])
    }

    /// What other jobs have made and this one names. Whatever cannot be found now is told when it is needed.
    private func named(by spec: JobSpec, _ layout: SpoolLayout, _ files: PosixFileSystem) throws -> [String] {
        let policy = try PathPolicy(spool: spool, allowedPaths: allowedPaths, own: job, in: files)
        let models = ModelResolver(layout, policy, in: files)
        let paths =
            spec.inputs.compactMap { try? policy.resolve($0.path, base: spool) }
            + spec.models.compactMap { try? models.location(of: $0, base: spool) }
            + spec.pictures.compactMap { try? policy.resolve(models.outputs(of: $0), base: spool) }
        // Those of users may be exchanged for links at any moment; parts of a job cannot. Whose job it is, is asked again.
        return paths.compactMap(layout.part(of:)).flatMap { [$0, Path.join(Path.parent($0), JobFiles.acceptance)] }
    }

    private static func entries(_ list: String?) -> [String] {
        list?.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") && $0 != "/" } ?? []
    }
}
