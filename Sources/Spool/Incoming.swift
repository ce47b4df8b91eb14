public import DurableFiles
import JobSpec
public import Problems
import StrictJSON

/// Watches `incoming/` by looking at it again and again: the directory is the truth, and nothing is remembered but when each entry
/// was first seen as it is now.
///
/// A file counts once it has been quiet for `quietTime` and parses as one complete JSON value. One that ends early is waited for until it has
/// been quiet for `patience`. A directory counts once all that it holds has been quiet and its `job.json` is complete.
public struct Incoming: Sendable {
    /// For how long a drop must not change before it is looked at.
    public static let quietTime = Duration.milliseconds(500)
    /// For how long an incomplete drop must not change before it is refused.
    public static let patience = Duration.seconds(10)

    public struct Scan: Sendable {
        /// To be accepted or refused now. One that is neither is found again by the next scan.
        public var drops: [Drop] = []
        /// When to look again for the sake of an entry that is not decided yet; nil: on the next hint.
        public var nextLook: Duration?
        /// What could not be looked at, told once each.
        public var troubles: [Problem] = []
    }

    private struct Sighting {
        var state: EntryState
        var since: Duration
        var isSetAside = false
    }

    private let layout: SpoolLayout
    private let files: any FileSystem
    private var sightings: [String: Sighting] = [:]
    private var told: Set<String> = []

    public init(_ layout: SpoolLayout, in files: any FileSystem) {
        self.layout = layout
        self.files = files
    }

    /// Looks at everything once.
    ///
    /// - Parameter now: the time on a clock that never goes back.
    /// - Throws: when `incoming/` itself cannot be listed.
    public mutating func scan(at now: Duration) throws -> Scan {
        let listing = try files.list(layout.incoming)
        var scan = Scan()
        var seen: [String: Sighting] = [:]
        for entry in listing.entries where !Self.isPrivate(entry.name) {
            do {
                guard let state = try EntryState(layout, entry.name, files) else { continue }
                var sighting = Sighting(state: state, since: now)
                if let before = sightings[entry.name], before.state == state { sighting = before }
                seen[entry.name] = sighting
                if sighting.isSetAside { continue }
                switch try judge(entry.name, state, quietFor: now - sighting.since) {
                case .content(let content):
                    scan.drops.append(
                        Drop(
                            name: entry.name, isDirectory: state.status.kind == .directory, owner: state.status.owner,
                            token: state.token, content: content))
                case .wait(let until):
                    let next = sighting.since + until
                    scan.nextLook = min(scan.nextLook ?? next, next)
                }
            } catch let problem as Problem {
                if told.insert(entry.name).inserted { scan.troubles.append(problem) }
            }
        }
        for name in listing.unreadableNames where told.insert(name).inserted {
            scan.troubles.append(
                Problem(
                    .invalid, "a name in incoming/ is not UTF-8: \(name)", remedy: "Rename it.", file: layout.incoming))
        }
        sightings = seen
        told.formIntersection(listing.entries.map(\.name) + listing.unreadableNames)
        return scan
    }

    /// Passes over an entry until it changes: nothing can be done with it as it is.
    public mutating func setAside(_ name: String) {
        sightings[name]?.isSetAside = true
    }

    /// Names that writers use for what is not finished.
    static func isPrivate(_ name: String) -> Bool {
        name.hasPrefix(".") || name.hasSuffix(".tmp") || name.hasSuffix(".part") || name.hasSuffix("~")
    }

    private enum Judgement {
        case content(Drop.Content)
        /// To be looked at again when it has been quiet for so long.
        case wait(Duration)
    }

    private func judge(_ name: String, _ state: EntryState, quietFor quiet: Duration) throws -> Judgement {
        switch state.status.kind {
        case .symbolicLink:
            return refuse(.denied, "\(name) is a symbolic link", "Copy the file itself into incoming/.", name)
        case .special:
            return refuse(
                .denied, "\(name) is neither a file nor a directory", "Drop a JSON file or a directory.", name)
        case .regular, .directory: break
        }
        guard quiet >= Self.quietTime else { return .wait(Self.quietTime) }
        let isDirectory = state.status.kind == .directory
        if !isDirectory, !name.hasSuffix(".json") {
            guard quiet >= Self.patience else { return .wait(Self.patience) }
            return refuse(
                .invalid, "\(name) is not named NAME.json", "Rename it, or drop a directory that holds job.json.", name)
        }
        let file = isDirectory ? "\(name)/job.json" : name
        if let problem = state.problem { return .content(.refused(Problems([problem]))) }
        let path = Path.join(layout.incoming, file)
        let bytes: [UInt8]
        do {
            let status: FileStatus
            (bytes, status) = try files.readWithStatus(path, limit: JobSpec.maximumFileSize)
            // Replaced since the look: the next one sees it.
            guard isDirectory || status == state.status else { return .wait(Self.quietTime) }
        } catch let problem as Problem where problem.code == .missing {
            guard isDirectory, quiet >= Self.patience else { return .wait(Self.patience) }
            return refuse(
                .missing, "the directory \(name) holds no job.json", "Put the job file into it as job.json.", name)
        } catch let problem as Problem where [.denied, .invalid].contains(problem.code) {
            return .content(.refused(Problems([problem.inFile(file)])))
        }
        return parse(bytes, file: file, name: name, quiet)
    }

    private func parse(_ bytes: [UInt8], file: String, name: String, _ quiet: Duration) -> Judgement {
        switch JSONNode.read(bytes) {
        case .incomplete(let problem):
            return quiet < Self.patience ? .wait(Self.patience) : .content(.refused(Problems([problem.inFile(file)])))
        case .malformed(let problems):
            return .content(.refused(Problems(problems.all.map { $0.inFile(file) })))
        case .complete(let root):
            do throws(Problems) {
                var spec = try JobSpec.decode(root, fileName: file)
                if root["name"] == nil || root["name"]?.isNull == true {
                    spec.common.name = JobName.from(fileName: name)
                }
                return .content(.job(spec, bytes))
            } catch {
                return .content(.refused(error))
            }
        }
    }

    private func refuse(_ code: Problem.Code, _ message: String, _ remedy: String, _ name: String) -> Judgement {
        .content(.refused(Problems([Problem(code, message, remedy: remedy, file: name)])))
    }
}
