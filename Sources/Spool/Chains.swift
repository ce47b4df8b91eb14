import Problems

/// Which entries of `incoming/` must be taken in after others, because their jobs name the others' jobs.
///
/// A name means the newest job that has it, and what lies in `incoming/` will be newer than any that is in the queue. Only entries of one
/// owner wait for each other: nobody keeps another's jobs from coming in.
struct Chains {
    struct Entry {
        var owner: UInt32
        /// What its job is called, or as long as it is not read, would be called by its file's name.
        var job: String
        /// The jobs that it names.
        var names: Set<String>
    }

    private struct Key: Hashable {
        var owner: UInt32
        var job: String
    }

    private let entries: [String: Entry]
    private let byJob: [Key: [String]]

    /// - Parameter entries: by name in `incoming/`.
    init(_ entries: [String: Entry]) {
        self.entries = entries
        byJob = Dictionary(grouping: entries.keys) { name in
            Key(owner: entries[name]?.owner ?? 0, job: entries[name]?.job ?? "")
        }
    }

    /// The entries that must be taken in before this one. A job that names its own name means an earlier job.
    func before(_ name: String) -> Set<String> {
        guard let entry = entries[name] else { return [] }
        return entry.names.subtracting([entry.job]).reduce(into: []) { found, job in
            found.formUnion(byJob[Key(owner: entry.owner, job: job)] ?? [])
        }
    }

    /// Those of `candidates` that wait for none but each other, each after those that it waits for.
    ///
    /// - Parameter past: entries that are not waited for.
    func inOrder(_ candidates: [String], past: Set<String> = []) -> [String] {
        var missing: [String: Int] = [:]
        var followers: [String: [String]] = [:]
        for name in candidates {
            let before = before(name).subtracting(past)
            missing[name] = before.count
            for other in before { followers[other, default: []].append(name) }
        }
        var order = candidates.filter { missing[$0] == 0 }
        var next = 0
        while next < order.count {
            for follower in followers[order[next]] ?? [] {
                let count = (missing[follower] ?? 1) - 1
                missing[follower] = count
                if count == 0 { order.append(follower) }
            }
            next += 1
        }
        return order
    }

    /// Entries that wait for each other in a circle, each for the next, and the last for the first.
    func cycles() -> [[String]] {
        let known = entries.filter { !$0.value.names.isEmpty }.keys.sorted()
        let unread = Set(entries.keys).subtracting(known)
        // Each of these waits for another of them.
        let stuck = Set(known).subtracting(inOrder(known, past: unread))
        var cycles: [[String]] = []
        var seen: Set<String> = []
        for start in stuck.sorted() {
            var way: [String] = []
            var place: [String: Int] = [:]
            var name: String? = start
            while let current = name, !seen.contains(current), place[current] == nil {
                place[current] = way.count
                way.append(current)
                name = before(current).intersection(stuck).min()
            }
            if let name, let first = place[name] { cycles.append(Array(way[first...])) }
            seen.formUnion(way)
        }
        return cycles
    }

    /// What a drop of a circle is refused for.
    func problem(of name: String, in cycle: [String]) -> Problem {
        let start = cycle.firstIndex(of: name) ?? 0
        let jobs = (cycle[start...] + cycle[..<start]).map { entries[$0]?.job ?? $0 }
        let chain = (jobs.dropFirst() + jobs.prefix(1)).map { "waits for \($0)" }.joined(separator: ", which ")
        return Problem(
            .invalid, "\(jobs.first ?? name) \(chain)",
            remedy:
                "Jobs cannot wait for each other in a circle: take one of the names out, or give an earlier job by its id.",
            file: name, path: "$.after")
    }
}
