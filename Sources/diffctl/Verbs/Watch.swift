import ArgumentParser
import ControlAPI
import Foundation
import JobSpec
import Problems
import StrictJSON

struct Watch: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how jobs stand, as it changes.",
        discussion: """
            On a terminal a table that is drawn anew, with a bar for each job that runs; otherwise, and with --json, a line for each \
            job and then for each change. Without JOB: all that are not finished, and the ten that finished last. Ends when all \
            JOBs have ended, or with Ctrl-C.
            """)

    @Argument(help: "Ids or names.") var job: [JobReference] = []
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let client = connection.client
        let style = Style.ofStandardOutput()
        let isLive = !output.json && style.isTerminal
        try request { () throws(Problems) in
            var watching = Watching(client: client, references: job)
            try watching.run { (jobs, rejections, event) throws(Problems) in
                // The terminal's size may have changed.
                if isLive {
                    return standardOutput(WatchText.screen(jobs, Style.ofStandardOutput(), rejected: rejections))
                }
                standardOutput(output.json ? try Self.line(event) : WatchText.line(event))
            }
        }
    }

    private static func line(_ event: JobEvent) throws(Problems) -> String {
        do {
            return String(decoding: try JSONText.encode(event, .line), as: UTF8.self).printableLines
        } catch {
            throw Problems([error])
        }
    }
}

/// Follows jobs by the daemon's events.
struct Watching {
    let client: ControlClient
    let references: [JobReference]
    private var jobs: [Int: JobStatus] = [:]
    private var rejections: [Rejection] = []
    private var patience = Patience()

    init(client: ControlClient, references: [JobReference]) {
        self.client = client
        self.references = references
    }

    /// Calls `show` with the jobs by rising id, the drops that were refused, and what has changed: at first for each job, as an event
    /// without a number. Returns
    /// when all jobs that were asked for have ended. Outlives a restart of the daemon.
    mutating func run(_ show: ([JobStatus], [Rejection], JobEvent) throws(Problems) -> Void) throws(Problems) {
        // A name could come to mean a newer job.
        var ids: Set<Int> = []
        for reference in references { ids.insert(try client.job(reference).id) }
        while true {
            do throws(Problems) {
                try client.events { () throws(Problems) in
                    patience.reset()
                    for job in try list(ids) {
                        try show(sorted, rejections, JobEvent(sequence: 0, kind: .state, time: .now, job: job))
                    }
                    return goesOn(ids)
                } _: { (event) throws(Problems) in
                    if let rejection = event.rejection, ids.isEmpty {
                        rejections.append(rejection)
                        try show(sorted, rejections, event)
                    }
                    guard let job = event.job, ids.isEmpty || ids.contains(job.id) else { return true }
                    jobs[job.id] = job
                    dropOld()
                    try show(sorted, rejections, event)
                    return goesOn(ids)
                }
                if !goesOn(ids) { return }
            } catch {
                try patience.wait(after: error)
            }
        }
    }

    private var sorted: [JobStatus] { jobs.values.sorted { $0.id < $1.id } }

    private func goesOn(_ ids: Set<Int>) -> Bool { ids.isEmpty || ids.contains { jobs[$0]?.state.isFinal != true } }

    /// Takes in how all jobs stand; returns those that stand otherwise than was known.
    private mutating func list(_ ids: Set<Int>) throws(Problems) -> [JobStatus] {
        var listed: [JobStatus] = []
        if ids.isEmpty {
            listed = try Status.overview(client, limit: Status.waitingShown).jobs
            rejections = try client.rejections(limit: Status.rejectionsAsked)
        } else {
            for id in ids { listed.append(try client.job(.id(id))) }
        }
        let known = jobs
        jobs = listed.reduce(into: [:]) { $0[$1.id] = $1 }
        return sorted.filter { known[$0.id] != $0 }
    }

    /// Of those that have ended, the last few stay.
    private mutating func dropOld() {
        let ended = jobs.values.filter(\.state.isFinal).sorted {
            ($0.finishedAt ?? .distantPast, $0.id) < ($1.finishedAt ?? .distantPast, $1.id)
        }
        if references.isEmpty { for job in ended.dropLast(Status.finishedShown) { jobs[job.id] = nil } }
    }
}
