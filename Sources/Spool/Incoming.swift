public import DurableFiles
import JobSpec
public import Problems
import StrictJSON

/// Watches `incoming/` by looking at it again and again: the directory is the truth, and nothing is remembered but when each entry
/// was first seen as it is now, and how it came.
///
/// A file counts once it has been quiet for `fileQuiet` and parses as one complete JSON value; one that ends early is
/// waited for until it
/// has been quiet for `filePatience`. A directory that came by a rename counts as soon. One that grows in place counts
/// once nothing in it,
/// at any depth, has changed for `directoryQuiet`, or for five times the longest pause between two changes so far, and
/// no file in it is
/// open for writing. Nothing is waited for beyond `limit`.
public struct Incoming: Sendable {
    public struct Scan: Sendable {
        /// To be accepted or refused now. One that is neither is found again by the next scan.
        public var drops: [Drop] = []
        /// When to look again for the sake of an entry that is not decided yet; nil: on the next hint.
        public var nextLook: Duration?
        /// By entry: what keeps it from being taken in or refused. It is tried again.
        public var troubles: [String: Problem] = [:]
        /// Names that are not UTF-8 and have been quiet: to be refused.
        public var unreadable: [DirectoryListing.Unreadable] = []
    }

    private struct Sighting {
        var state: EntryState
        /// Since when it has not changed, and since when it is there.
        var since: Duration
        let first: Duration
        /// The longest time between two changes.
        var longestGap = Duration.zero
        /// When it was looked at last, and when it may be again: a large tree is dear.
        var walked: Duration
        var nextWalk = Duration.zero
        var trouble: Problem?
        var failures = 0
        /// After a failure, and while it waits for a job to come, it is passed over until then.
        var retry: Duration?
        /// What is known of its job while that waits for others in `incoming/`.
        var waiting: Waiting?
    }

    /// A job that names others which lie in `incoming/`.
    private struct Waiting {
        var job: String
        var names: Set<String>
        /// The entries that are taken in first.
        var before: Set<String>
        /// Set where they wait for this one.
        var cycle: Problem?
    }

    private let layout: SpoolLayout
    private let files: any FileSystem
    private let times: IntakeTimes
    private let watch: IncomingWatch?
    private var sightings: [String: Sighting] = [:]
    private var unreadableSince: [DirectoryListing.Unreadable: Duration] = [:]

    /// - Parameter watch: tells how entries come; without one every directory counts as one that grows.
    public init(
        _ layout: SpoolLayout, times: IntakeTimes = IntakeTimes(), watch: IncomingWatch? = nil, in files: any FileSystem
    ) {
        self.layout = layout
        self.times = times
        self.watch = watch
        self.files = files
    }

    /// Looks at everything once.
    ///
    /// - Parameters:
    ///   - now: the time on a clock that never goes back.
    ///   - limit: no more drops are read; the others are found by the next scan.
    /// - Throws: when `incoming/` itself cannot be listed.
    public mutating func scan(at now: Duration, limit: Int = 64) throws -> Scan {
        watch?.drain()
        let listing = try files.list(layout.incoming)
        var scan = Scan()
        var seen: [String: Sighting] = [:]
        for entry in listing.entries where !Self.isPrivate(entry.name) {
            do {
                seen[entry.name] = try sight(entry.name, at: now)
            } catch {
                scan.troubles[entry.name] = Problem.wrapping(error, cannot: "look at incoming/\(entry.name)")
            }
        }
        sightings = seen
        // What has come under a name since the listing is another drop.
        watch?.drain()
        watch?.keep(Set(seen.keys))
        for name in Self.inTurn(seen.mapValues(\.state.status.owner)) {
            judge(name, at: now, limit: limit, &scan)
        }
        chain(&scan, at: now, limit: limit)
        look(atUnreadable: listing.unreadable, now, &scan)
        return scan
    }

    /// Each owner's entries by name, and the owners in turn: one who drops thousands is not before another who drops
    /// one.
    private static func inTurn(_ owners: [String: UInt32]) -> [String] {
        var ranks: [UInt32: Int] = [:]
        let ranked = owners.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { name, owner in
            ranks[owner, default: 0] += 1
            return (rank: ranks[owner] ?? 0, name: name)
        }
        return ranked.sorted { ($0.rank, $0.name) < ($1.rank, $1.name) }.map(\.name)
    }

    /// Passes over an entry for a while, longer after each failure: nothing can be done with it as it is.
    public mutating func setAside(_ name: String, because problem: Problem, at now: Duration) {
        guard var sighting = sightings[name] else { return }
        sighting.trouble = problem
        sighting.retry = now + .seconds(min(3600, 10 << min(sighting.failures, 10)))
        sighting.failures +|= 1
        sightings[name] = sighting
    }

    /// Passes over a drop for a moment whose job names one that there is not: it may be about to come.
    ///
    /// - Returns: when it is looked at again; nil when it has waited for `namePatience`.
    public mutating func wait(_ name: String, at now: Duration) -> Duration? {
        guard let sighting = sightings[name], now - sighting.since < times.namePatience else { return nil }
        let next = min(now + times.fileQuiet, sighting.since + times.namePatience)
        sightings[name]?.retry = next
        return next
    }

    /// Of the entries that the last scan has seen.
    public var tokens: Set<String> { Set(sightings.values.map(\.state.token)) }

    /// How often it has been tried in vain to take an entry in as it is.
    public func failures(of name: String) -> Int { sightings[name]?.failures ?? 0 }

    /// Names that writers use for what is not finished.
    static func isPrivate(_ name: String) -> Bool {
        name.hasPrefix(".") || name.hasSuffix(".tmp") || name.hasSuffix(".part") || name.hasSuffix("~")
    }

    // MARK: - Looking

    /// Nil when it is gone.
    private mutating func sight(_ name: String, at now: Duration) throws -> Sighting? {
        let before = sightings[name]
        if let before, now < before.nextWalk { return before }
        guard let state = try EntryState(layout, name, files) else { return nil }
        var sighting = before ?? Sighting(state: state, since: now, first: now, walked: now)
        sighting.walked = now
        if sighting.state.status.identity != state.status.identity {
            sighting = Sighting(state: state, since: now, first: now, walked: now)
        } else if sighting.state != state {
            sighting.longestGap = max(sighting.longestGap, now - sighting.since)
            (sighting.since, sighting.retry, sighting.trouble, sighting.failures) = (now, nil, nil, 0)
            sighting.waiting = nil
            sighting.state = state
        }
        // Walking takes no more than a small part of the time, however large the tree.
        if state.count > 1000 { sighting.nextWalk = now + .microseconds(50 * state.count) }
        if state.status.kind == .directory, let report = watch?.report(on: name), !report.isRenamed {
            watch?.follow(name, state.directories)
            sighting.longestGap = max(sighting.longestGap, report.longestGap)
            sighting.since = max(sighting.since, min(report.lastChange ?? .zero, now))
        }
        return sighting
    }

    private mutating func judge(_ name: String, at now: Duration, limit: Int, _ scan: inout Scan) {
        guard let sighting = sightings[name] else { return }
        func lookAgain(at time: Duration) { scan.nextLook = min(scan.nextLook ?? time, time) }
        if let trouble = sighting.trouble { scan.troubles[name] = trouble }
        if let retry = sighting.retry, now < retry { return lookAgain(at: retry) }
        if let waiting = sighting.waiting, waiting.cycle == nil {
            guard waiting.before.allSatisfy({ sightings[$0] == nil }) || now - sighting.first >= times.limit else {
                return lookAgain(at: now + .seconds(1))
            }
            sightings[name]?.waiting = nil
        }
        // What it was like some time ago decides nothing.
        guard sighting.walked == now else { return lookAgain(at: sighting.nextWalk) }
        guard scan.drops.count < limit else { return lookAgain(at: now) }
        do {
            switch try judge(name, sighting, at: now) {
            case .content(let content):
                let state = sighting.state
                let isDirectory = state.status.kind == .directory
                scan.drops.append(
                    Drop(
                        name: name, isDirectory: isDirectory, owner: state.status.owner, token: state.token,
                        inputs: isDirectory ? state.inputs : nil, fingerprint: state.fingerprint,
                        directories: state.directories, content: content))
            case .wait(let time): lookAgain(at: max(time, sighting.nextWalk))
            }
        } catch {
            let problem = Problem.wrapping(error, cannot: "read incoming/\(name)")
            setAside(name, because: problem, at: now)
            scan.troubles[name] = problem
            lookAgain(at: now + times.filePatience)
        }
    }

    /// Puts the drops into an order in which each comes after those that it names, and lets those wait that name an entry which is not
    /// ready yet. Refuses those that wait for each other.
    private mutating func chain(_ scan: inout Scan, at now: Duration, limit: Int) {
        var jobs: [String: JobSpec] = [:]
        var refused: Set<String> = []
        for drop in scan.drops {
            if case .job(let spec, _) = drop.content { jobs[drop.name] = spec } else { refused.insert(drop.name) }
        }
        guard
            jobs.values.contains(where: { !$0.namedJobs.isEmpty })
                || sightings.values.contains(where: { $0.waiting != nil })
        else { return }
        var entries: [String: Chains.Entry] = [:]
        for (name, sighting) in sightings where !refused.contains(name) {
            let isPatient = now - sighting.first < times.limit
            let job = jobs[name]?.name ?? sighting.waiting?.job ?? JobName.from(fileName: name)
            let names = isPatient ? jobs[name]?.namedJobs ?? sighting.waiting?.names ?? [] : []
            entries[name] = Chains.Entry(owner: sighting.state.status.owner, job: job, names: names)
        }
        let chains = Chains(entries)
        let order = chains.inOrder(scan.drops.map(\.name).filter { jobs[$0] != nil })
        let drops = scan.drops.reduce(into: [:]) { $0[$1.name] = $1 }
        scan.drops = scan.drops.filter { refused.contains($0.name) } + order.compactMap { drops[$0] }
        for name in jobs.keys where !order.contains(name) {
            guard let entry = entries[name] else { continue }
            sightings[name]?.waiting = Waiting(job: entry.job, names: entry.names, before: [])
            scan.nextLook = min(scan.nextLook ?? .seconds(1) + now, .seconds(1) + now)
        }
        let waiting = sightings.filter { $0.value.waiting != nil }.keys.sorted()
        for name in waiting { sightings[name]?.waiting?.before = chains.before(name) }
        // Those that wait only for what is taken now, or for each other, are read again.
        let ready = chains.inOrder(waiting + order).filter { sightings[$0]?.waiting != nil }.prefix(limit)
        for name in ready { sightings[name]?.waiting?.before = [] }
        if !ready.isEmpty { scan.nextLook = now }
        for cycle in chains.cycles() {
            for name in cycle { sightings[name]?.waiting?.cycle = chains.problem(of: name, in: cycle) }
            scan.nextLook = now
        }
    }

    private mutating func look(
        atUnreadable names: [DirectoryListing.Unreadable], _ now: Duration, _ scan: inout Scan
    ) {
        unreadableSince = unreadableSince.filter { names.contains($0.key) }
        for name in names {
            let since = unreadableSince[name] ?? now
            unreadableSince[name] = since
            if now - since >= times.filePatience {
                scan.unreadable.append(name)
            } else {
                let next = since + times.filePatience
                scan.nextLook = min(scan.nextLook ?? next, next)
            }
        }
    }

    // MARK: - Judging

    private enum Judgement {
        case content(Drop.Content)
        /// To be looked at again at that time.
        case wait(Duration)
    }

    private func judge(_ name: String, _ sighting: Sighting, at now: Duration) throws -> Judgement {
        if let cycle = sighting.waiting?.cycle { return .content(.refused(Problems([cycle]))) }
        let status = sighting.state.status
        switch status.kind {
        case .symbolicLink:
            return refuse(.denied, "\(name) is a symbolic link", "Copy the file itself into incoming/.", name)
        case .special:
            return refuse(
                .denied, "\(name) is neither a file nor a directory", "Drop a JSON file or a directory.", name)
        case .regular: return try judge(file: name, sighting, at: now)
        case .directory: return try judge(directory: name, sighting, at: now)
        }
    }

    private func judge(file name: String, _ sighting: Sighting, at now: Duration) throws -> Judgement {
        let quiet = now - sighting.since
        guard quiet >= times.fileQuiet else { return wait(sighting, times.fileQuiet, name, now) }
        guard name.hasSuffix(".json") else {
            guard quiet >= times.filePatience else { return .wait(sighting.since + times.filePatience) }
            return refuse(
                .invalid, "\(name) is not named NAME.json", "Rename it, or drop a directory that holds job.json.", name)
        }
        return try read(name, name: name, sighting, now, patience: times.filePatience)
    }

    private func judge(directory name: String, _ sighting: Sighting, at now: Duration) throws -> Judgement {
        let quiet = now - sighting.since
        let report = watch?.report(on: name) ?? IncomingWatch.Report()
        let needed =
            report.isRenamed
            ? times.fileQuiet : max(times.directoryQuiet, sighting.longestGap * IntakeTimes.gapFactor)
        if quiet < needed { return wait(sighting, needed, name, now) }
        if let file = report.openFile, !report.isRenamed {
            guard now - sighting.first < times.limit else {
                return refuse(
                    .unavailable, "\(file.dropFirst(layout.incoming.utf8.count + 1)) is still open for writing",
                    "End the program that writes it, and drop the directory again.", name)
            }
            return .wait(now + .seconds(1))
        }
        if let problem = sighting.state.problem { return .content(.refused(Problems([problem]))) }
        return try read(
            "\(name)/job.json", name: name, sighting, now,
            patience: report.isRenamed ? .zero : needed * IntakeTimes.jobFileFactor)
    }

    /// Waits until it has been quiet for so long; refuses what never is.
    private func wait(_ sighting: Sighting, _ needed: Duration, _ name: String, _ now: Duration) -> Judgement {
        guard now - sighting.first < times.limit else {
            return refuse(
                .unavailable, "\(name) was still changing \(times.limit.components.seconds) s after it had come",
                "Write it under a name that begins with a dot, and rename it when it is complete; or use diffctl submit.",
                name)
        }
        // From time to time, so that pauses between changes are seen as they are.
        return .wait(min(sighting.since + needed, now + max(needed / 10, times.fileQuiet)))
    }

    private func read(
        _ file: String, name: String, _ sighting: Sighting, _ now: Duration, patience: Duration
    ) throws -> Judgement {
        let quiet = now - sighting.since
        let bytes: [UInt8]
        do {
            let status: FileStatus
            (bytes, status) = try files.readWithStatus(
                Path.join(layout.incoming, file), limit: JobSpec.maximumFileSize)
            // Replaced since the look: the next one sees it.
            guard file != name || status == sighting.state.status else { return .wait(now + times.fileQuiet) }
        } catch let problem as Problem where problem.code == .missing {
            guard file != name, quiet >= patience else { return .wait(sighting.since + patience) }
            return refuse(
                .missing, "the directory \(name) holds no job.json", "Put the job file into it as job.json.", name)
        } catch let problem as Problem where [.denied, .invalid].contains(problem.code) {
            return .content(.refused(Problems([problem.inFile(file)])))
        }
        switch JSONNode.read(bytes) {
        case .incomplete(let problem):
            let patience = max(patience, times.filePatience)
            return quiet < patience
                ? .wait(sighting.since + patience) : .content(.refused(Problems([problem.inFile(file)])))
        case .malformed(let problems):
            return .content(.refused(Problems(problems.all.map { $0.inFile(file) })))
        case .complete(let root): return .content(job(root, bytes, file: file, name: name))
        }
    }

    private func job(_ root: JSONNode, _ bytes: [UInt8], file: String, name: String) -> Drop.Content {
        do throws(Problems) {
            var spec = try JobSpec.decode(root, fileName: file)
            if root["name"] == nil || root["name"]?.isNull == true {
                spec.common.name = JobName.from(fileName: name)
            }
            return .job(spec, bytes)
        } catch {
            return .refused(error)
        }
    }

    private func refuse(_ code: Problem.Code, _ message: String, _ remedy: String, _ name: String) -> Judgement {
        .content(.refused(Problems([Problem(code, message, remedy: remedy, file: name)])))
    }
}
