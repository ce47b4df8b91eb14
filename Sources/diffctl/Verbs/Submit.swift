import ArgumentParser
import ControlAPI
import JobSpec
import Problems

struct Submit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hand in job files.",
        discussion: """
            Each FILE is a job file, a directory that holds job.json and its input files, or - for standard input. Every file is \
            checked before the first is handed in. Prints the id and name of each job; a job is durable once it is printed.
            """)

    @Argument(help: "Job files.", completion: .file(extensions: ["json"])) var file: [String]
    @OptionGroup var overrides: OverrideOptions
    @Flag(help: "Wait until the jobs have ended, and exit as `wait` does.") var wait = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let (files, faults) = Validate.sort(file, overrides)
        guard faults.isEmpty else {
            if output.json { try output.write(Outcome(jobs: [], problems: faults)) { _ in "" } }
            throw Failure(.badJobFile, Problems(faults).bounded.all.map(\.description))
        }
        let client = connection.client
        var jobs: [JobStatus] = []
        var problems: [Problem] = []
        var failure: (any Error)?
        do {
            try forEach(files) { file in
                do {
                    let job = try Self.submit(file, client)
                    jobs.append(job)
                    if !output.json && !wait { standardOutput("\(job.id) \(job.name)") }
                } catch let refusal as Refusal {
                    problems += refusal.problems.all
                    throw Failure(refusal.status, refusal.problems.all.map(\.description))
                }
            }
        } catch { failure = error }
        if wait {
            let ids = jobs.map(\.id)
            jobs = try request { () throws(Problems) in try Waiting(client: client).wait(for: ids) }
        }
        if output.json || wait {
            try output.write(Outcome(jobs: jobs, problems: problems)) { style in JobTable.render(jobs, style) }
        }
        if let failure { throw failure }
        if wait, let status = Waiting.status(of: jobs) { throw Failure(status) }
    }

    /// What `--json` prints: the jobs that were taken, and what is wrong with the files that were not.
    private struct Outcome: Encodable {
        var jobs: [JobStatus]
        var problems: [Problem]?

        init(jobs: [JobStatus], problems: [Problem]) {
            self.jobs = jobs
            self.problems = problems.isEmpty ? nil : Problems(problems).bounded.all
        }
    }

    /// Why the daemon did not take a file.
    private struct Refusal: Error {
        var problems: Problems
        var status: ExitStatus { problems.all.first.map { .ofJobFile($0.code) } ?? .failed }
    }

    private static func submit(_ file: JobFile, _ client: ControlClient) throws -> JobStatus {
        do {
            if file.isBundle { return try BundleDrop(client: client).submit(file) }
            return try client.submit(Submission(bytes: file.bytes, suggestedName: file.name))
        } catch let problems as Problems {
            throw Refusal(problems: Problems(problems.all.map { $0.inFile(file.path) }))
        } catch let problem as Problem {
            throw Refusal(problems: Problems([problem]))
        }
    }
}
