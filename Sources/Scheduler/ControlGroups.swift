package import DurableFiles
import Problems

/// A group of processes for each attempt, below the control group (cgroup v2) that systemd has delegated to the service:
///
///     diffd.service        holds no process: the kernel wants that of a group whose controllers work on those below
///         daemon           diffd itself
///         job-42.1         the worker of job 42's first attempt, and what it starts
///
/// A worker enters its group as its first act, so that all it takes is counted there. A group can be found by its name: a daemon
/// that follows on another one needs to know nothing of it.
package struct ControlGroups: Sendable {
    /// What a worker may take.
    package struct Limits: Sendable, Hashable {
        /// Bytes at most; nil sets no limit.
        var memory: Int?
        /// Its share of busy processors goes with this number.
        var threads: Int

        package init(memory: Int?, threads: Int) {
            self.memory = memory
            self.threads = threads
        }
    }

    /// What became of a group's memory.
    package struct MemoryReport: Sendable, Hashable {
        /// Bytes that it took at most; nil where the kernel (before Linux 5.19) does not tell.
        package var peak: Int?
        /// The kernel ended it because it wanted more than it may, or more than the machine had.
        package var wasExceeded: Bool
        /// The limit that it ran into; nil when it ran into none.
        package var limit: Int?
    }

    private static let daemon = "daemon"
    private static let prefix = "job-"
    /// The kernel's largest weight: the daemon answers, however busy its workers are.
    private static let largestWeight = 10_000

    package let root: String
    private let files: any FileSystem
    private let controllers: Set<String>

    /// Moves this process into a group of its own, and lets the groups below `root` have limits.
    ///
    /// - Parameter root: the directory of the delegated group.
    /// - Throws: what the kernel says against it, or `unavailable` where it can limit neither memory nor processors there.
    package init(_ root: String, process: Int32, in files: any FileSystem) throws {
        self.root = root
        self.files = files
        let available = try Self.words(Path.join(root, "cgroup.controllers"), files)
        controllers = available.intersection(["cpu", "memory"])
        guard !controllers.isEmpty else {
            throw Problem(
                .unavailable, "the control group can limit neither memory nor processors",
                remedy: "Boot with cgroup v2 alone (systemd.unified_cgroup_hierarchy=1).", file: root)
        }
        let daemon = Path.join(root, Self.daemon)
        if try !files.exists(daemon) { try files.createDirectory(daemon, mode: 0o755) }
        try write("\(process)", to: Path.join(daemon, "cgroup.procs"))
        try write(
            controllers.sorted().map { "+\($0)" }.joined(separator: " "), to: Path.join(root, "cgroup.subtree_control"))
        if controllers.contains("cpu") { try write("\(Self.largestWeight)", to: Path.join(daemon, "cpu.weight")) }
    }

    /// Makes the group of an attempt, or gives the one that is there these limits; returns its directory.
    package func make(job: Int, attempt: Int, _ limits: Limits) throws -> String {
        let group = path(job, attempt)
        if try !files.exists(group) { try files.createDirectory(group, mode: 0o755) }
        if controllers.contains("memory") {
            // All of it goes at once: a worker whose helper was ended would wait for it.
            try write("1", to: Path.join(group, "memory.oom.group"))
            try write(limits.memory.map(String.init) ?? "max", to: Path.join(group, "memory.max"))
        }
        if controllers.contains("cpu") {
            try write("\(min(max(limits.threads, 1), Self.largestWeight))", to: Path.join(group, "cpu.weight"))
        }
        return group
    }

    /// What became of the memory of an attempt; nil for one that had no group, or none with a limit of memory.
    package func memory(job: Int, attempt: Int) throws -> MemoryReport? {
        let group = path(job, attempt)
        guard controllers.contains("memory"), try files.exists(group) else { return nil }
        let events = try Self.words(Path.join(group, "memory.events"), files, separator: "\n")
        func happened(_ event: String) -> Bool { events.contains { $0.hasPrefix("\(event) ") && $0 != "\(event) 0" } }
        func number(_ file: String) throws -> Int? {
            guard try files.exists(Path.join(group, file)) else { return nil }
            return try Self.words(Path.join(group, file), files).first.flatMap { Int($0, radix: 10) }
        }
        return MemoryReport(
            peak: try number("memory.peak"), wasExceeded: happened("oom_kill"),
            limit: happened("oom") ? try number("memory.max") : nil)
    }

    /// Removes the groups of all attempts but those in `kept`, and ends what is left in them. One whose processes have yet to go is
    /// removed the next time.
    package func removeAll(except kept: [(job: Int, attempt: Int)]) throws {
        let names = Set(kept.map { Self.name($0.job, $0.attempt) })
        for entry in try files.list(root).entries
        where entry.kind == .directory && entry.name.hasPrefix(Self.prefix) && !names.contains(entry.name) {
            let group = Path.join(root, entry.name)
            do {
                try files.removeDirectory(group)
            } catch let problem as Problem where problem.code == .unavailable {
                try write("1", to: Path.join(group, "cgroup.kill"))
            }
        }
    }

    private func path(_ job: Int, _ attempt: Int) -> String { Path.join(root, Self.name(job, attempt)) }

    private static func name(_ job: Int, _ attempt: Int) -> String { "\(prefix)\(job).\(attempt)" }

    private func write(_ text: String, to file: String) throws {
        try files.openForAppending(file, mode: 0o644).write(Array(text.utf8).span.bytes)
    }

    private static func words(
        _ file: String, _ files: any FileSystem, separator: Character = " "
    ) throws -> Set<String> {
        let text = String(decoding: try files.read(file, limit: 1 << 16), as: UTF8.self)
        return Set(text.split { $0 == separator || $0 == "\n" }.map(String.init))
    }
}

extension Problem {
    /// Of an attempt that the kernel has ended for its memory.
    init(exceeded report: ControlGroups.MemoryReport) {
        func text(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
        if let limit = report.limit {
            self.init(
                .outOfMemory, "the job needed more than the \(text(limit)) of memory that it asked for",
                remedy: "Submit it again with more resources.memory, or with a smaller batch_size.")
        } else {
            self.init(
                .outOfMemory, "the machine had no more memory for the job",
                remedy: "Lower batch_size, stop other programs, or run it on a larger machine.")
        }
    }
}
