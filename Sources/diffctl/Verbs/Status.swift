import ArgumentParser
import ControlAPI
import JobSpec
import Problems

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how jobs stand.",
        discussion: """
            Without JOB: all that are not finished, and the ten that finished last, what runs first; and the drops that were refused in the last \
            day. With the name of a drop that was refused: what its receipt says, and exit status 65. The table holds the 50 that come first of those that wait, \
            and the 50 newest of those that are held; --json gives all.
            """)

    @Argument(help: "Ids or names.") var job: [JobReference] = []
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    static let finishedShown = 10
    static let waitingShown = 50
    static let rejectionsAsked = 20

    func run() throws {
        let client = connection.client
        let limit = output.json ? nil : Self.waitingShown
        let (list, left, health) = try request { () throws(Problems) in
            let health = output.json ? nil : try client.health()
            guard job.isEmpty else { return (try named(client), 0, health) }
            let (jobs, left) = try Self.overview(client, limit: limit)
            return (JobList(jobs: jobs, rejected: try client.rejections(limit: Self.rejectionsAsked)), left, health)
        }
        try output.write(list) { style in
            let jobs = list.jobs.isEmpty ? "" : JobTable.render(JobTable.inOrder(list.jobs), style) + Self.rest(left)
            let rejected = list.rejected ?? []
            let below = job.isEmpty ? RejectionText.lines(rejected, style) : rejected.map { RejectionText.sheet($0) }
            let text = jobs + below.map { $0 + "\n" }.joined()
            return text.isEmpty ? "No jobs." : text
        }
        if let note = health.flatMap({ Self.note(on: $0.status) }) { standardError("diffctl: \(note)") }
        for trouble in health?.troubles ?? [] { standardError("diffctl: \(printable(trouble.description))") }
        if !job.isEmpty, list.rejected?.isEmpty == false { throw Failure(.badJobFile) }
    }

    /// What keeps every job from starting.
    static func note(on status: Health.Status) -> String? {
        switch status {
        case .ok: nil
        case .draining: "the queue is drained: no job starts until diffctl resume"
        case .diskFull: "the disk is full: no job is accepted or started until there is space"
        case .stopping: "the daemon is about to end: no job starts until it is back"
        }
    }

    /// What a table that does not hold all says below.
    static func rest(_ count: Int) -> String {
        count > 0
            ? "\(count) more \(count == 1 ? "waits or is" : "wait or are") held: diffctl list --state queued --state held\n"
            : ""
    }

    /// All jobs that are not finished, and the last that are.
    ///
    /// - Parameter limit: of those that wait, and of those that are held; nil: all.
    /// - Returns: also how many were left out.
    static func overview(
        _ client: ControlClient, limit: Int?
    ) throws(Problems) -> (jobs: [JobStatus], left: Int) {
        let final = Set(JobState.allCases.filter(\.isFinal))
        // Finished jobs are read last: one that ends in between is then seen twice rather than not at all.
        let states = Set(JobState.allCases).subtracting(final)
        var open: [JobStatus] = []
        var left = 0
        if let limit {
            let health = try client.health()
            open = try client.jobs(JobFilter(states: states.subtracting([.held]), next: limit)).jobs
            open += try client.jobs(JobFilter(states: [.held], limit: limit)).jobs
            left = max(0, health.queued - limit) + max(0, health.held - limit)
        } else {
            open = try client.jobs(JobFilter(states: states)).jobs
        }
        let finished = try client.jobs(JobFilter(states: final, limit: finishedShown)).jobs
        // What was told last counts of a job that changed in between.
        let jobs = (open + finished).reduce(into: [:]) { $0[$1.id] = $1 }
        return (jobs.values.sorted { $0.id < $1.id }, left)
    }

    /// The jobs that were asked for, and the drops that would have become jobs of these names and were refused.
    private func named(_ client: ControlClient) throws(Problems) -> JobList {
        var list = JobList(jobs: [])
        for reference in job {
            let rejection: Rejection? =
                if case .name(let name) = reference { try client.rejections(named: name, limit: 1).last } else { nil }
            do throws(Problems) {
                let job = try client.job(reference)
                list.jobs.append(job)
                if let rejection, rejection.rejectedAt > job.submittedAt {
                    list.rejected = (list.rejected ?? []) + [rejection]
                }
            } catch {
                guard let rejection, error.all.first?.code == .missing else { throw error }
                list.rejected = (list.rejected ?? []) + [rejection]
            }
        }
        return list
    }
}
