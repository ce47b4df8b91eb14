public import DurableFiles
public import Foundation
public import Problems

/// Where things are in a spool.
public struct SpoolLayout: Sendable, Hashable {
    /// Absolute path.
    public let root: String
    /// Jobs are dropped here.
    public var incoming: String { Path.join(root, "incoming") }
    /// Drops that were refused, each with a receipt.
    public var rejected: String { Path.join(root, "rejected") }
    /// A directory for each accepted job.
    public var jobs: String { Path.join(root, "jobs") }
    /// Links to published models, by name.
    public var models: String { Path.join(root, "models") }

    /// What can be computed again; any of it may be removed.
    var cache: String { Path.join(root, "cache") }
    /// Latents of pictures, for trainings to find them again.
    public var latents: String { Path.join(cache, "latents") }
    /// The queue's store, where the settings do not put it elsewhere.
    public var state: String { Path.join(root, ".diffd") }

    /// Directories that jobs cannot name: they are the queue's, or other users have put there what is for their jobs only.
    public var closed: [String] { [incoming, rejected, jobs, cache, state] }

    public init(root: String) { self.root = root }

    /// What others have begun to write and not touched for so long, in seconds, is abandoned.
    private static let abandonedAfter = 86_400.0

    /// Makes the directories that are missing and removes what interrupted writes have left.
    ///
    /// - Returns: what could not be done and does not matter yet: others write into some of these directories too, and
    ///   what they put there
    ///   must not be in the way of a start.
    /// - Throws: when there is no `incoming/`, `rejected/`, `jobs/` or `models/` and none can be made.
    @discardableResult
    public func prepare(at now: Date = .now, in files: any FileSystem) throws -> [Problem] {
        for directory in [incoming, rejected, jobs, models] {
            try files.createDirectoriesDurably(directory, mode: 0o770)
        }
        try requireTrusted(jobs, in: files)
        var problems: [Problem] = []
        func attempt(_ work: () throws -> Void) {
            do { try work() } catch { problems.append(.wrapping(error, cannot: "clear \(root)")) }
        }
        attempt { try files.removeStaleTemporaries(in: jobs) }
        attempt {
            if let aside = try secureCache(in: files) { problems.append(aside) }
            try files.removeStaleTemporaries(in: latents)
        }
        let date = FileTime(
            seconds: Int64(saturating: now.timeIntervalSince1970 - Self.abandonedAfter), nanoseconds: 0)
        for directory in [incoming, rejected, models] {
            attempt { problems += try files.removeAbandonedTemporaries(in: directory, unchangedSince: date) }
        }
        return problems
    }

    /// Whether jobs may not read `path`, which is absolute and free of links: it lies in a closed directory, or holds one. Of a job everything
    /// but its inputs may be read.
    func isClosed(_ path: String) -> Bool {
        guard path.isBelow(jobs) else { return closed.contains { path == $0 || path.isBelow($0) || $0.isBelow(path) } }
        return part(of: path) == nil || jobWithInputs(path) != nil
    }

    /// The directory of the job to whose inputs `path` belongs.
    func jobWithInputs(_ path: String) -> String? {
        guard let part = part(of: path), part.utf8.elementsEqual(Path.join(Path.parent(part), JobFiles.inputs).utf8)
        else { return nil }
        return Path.parent(part)
    }

    /// The part of a job's directory in which `path` lies, such as `jobs/000042-shirts/model`.
    public func part(of path: String) -> String? {
        guard path.isBelow(jobs) else { return nil }
        let names = path.utf8.dropFirst(jobs.utf8.count + 1).split(separator: UInt8(ascii: "/"))
        guard names.count >= 2 else { return nil }
        return "\(jobs)/\(Substring(names[0]))/\(Substring(names[1]))"
    }

    /// `000042-shirts`: the name of a job's directory under `jobs`.
    public static func directoryName(id: Int, name: String) -> String {
        let digits = String(id)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits + "-" + name
    }

    /// The id and name of a job from its directory's name; nil when it is no such name.
    public static func job(fromDirectoryName text: String) -> (id: Int, name: String)? {
        let parts = text.split(separator: "-", maxSplits: 1)
        guard parts.count == 2, let id = Int(parts[0], radix: 10), directoryName(id: id, name: String(parts[1])) == text
        else {
            return nil
        }
        return (id, String(parts[1]))
    }

    /// The absolute path of a job's directory.
    public func jobDirectory(_ directoryName: String) -> String { Path.join(jobs, directoryName) }

    /// The directory names of all jobs under `jobs`, by id.
    public func jobDirectories(in files: any FileSystem) throws -> [Int: String] {
        var found: [Int: String] = [:]
        for entry in try files.list(jobs).entries where entry.kind == .directory {
            if let (id, _) = Self.job(fromDirectoryName: entry.name) { found[id] = entry.name }
        }
        return found
    }
}

/// What is in a job's directory, besides the files of `WorkerFiles`.
public enum JobFiles {
    /// The job file as dropped, byte for byte.
    public static let request = "request.json"
    /// The job as understood, with every default.
    public static let job = "job.json"
    /// The rest of a dropped directory.
    public static let inputs = "inputs"
    /// A finished training's model.
    public static let model = "model"
    /// What a job has made besides a model.
    public static let outputs = "outputs"
    /// How the job came here: an `Acceptance`.
    public static let acceptance = ".accepted.json"
}

extension String {
    /// Whether it is the path of something in `directory`, at any depth. To the file system names are bytes.
    func isBelow(_ directory: String) -> Bool {
        utf8.starts(with: (directory.hasSuffix("/") ? directory : directory + "/").utf8)
    }
}
