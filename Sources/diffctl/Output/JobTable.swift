package import Foundation
package import JobSpec
import Problems

/// Jobs as a table, one a line.
package enum JobTable {
    /// - Parameter bars: whether those that run get a bar as long as they have come.
    package static func render(_ jobs: [JobStatus], _ style: Style, now: Date = .now, bars: Bool = false) -> String {
        var table = Table(
            [
                ("ID", .right), ("NAME", .left), ("KIND", .left), ("STATE", .left), ("PRIO", .right), ("STEP", .right),
                ("DONE", .right), ("", .left), ("RATE", .right), ("ETA", .right), ("LOSS", .right), ("NOTE", .left),
            ], worth: [0, 0, 3, 0, 4, 5, 7, 1, 2, 6, 4, 0])
        for job in jobs {
            let progress = job.state == .succeeded ? nil : job.progress
            table.add([
                Table.Cell(String(job.id)), Table.Cell(job.name), Table.Cell(job.kind.rawValue),
                Table.Cell(job.state.rawValue, Style.color(of: job.state)),
                Table.Cell(job.priority == 0 ? "" : String(job.priority)),
                Table.Cell(progress.map { "\($0.step)/\($0.totalSteps)" } ?? ""),
                Table.Cell(progress.map { "\(Int(saturating: ($0.fraction * 100).rounded(.down)))%" } ?? ""),
                Table.Cell(bars ? running(job).map { WatchText.bar($0.fraction) } ?? "" : ""),
                Table.Cell(running(job)?.stepsPerSecond.map { Quantity.significant($0) + "/s" } ?? ""),
                Table.Cell(secondsLeft(job, now).map { Quantity.duration(seconds: $0) } ?? ""),
                Table.Cell(job.progress?.loss.map(Quantity.significant) ?? ""), Table.Cell(note(on: job)),
            ])
        }
        return table.render(style)
    }

    /// What runs, then what waits in the order in which it starts, then what is held, and then what has ended, the last one first.
    package static func inOrder(_ jobs: [JobStatus]) -> [JobStatus] {
        func rank(_ job: JobStatus) -> (Int, Double, Int) {
            switch job.state {
            case .running, .cancelling: (0, 0, job.id)
            case .queued: (1, -Double(job.priority), job.id)
            case .held: (2, 0, job.id)
            case .succeeded, .failed, .cancelled: (3, -(job.finishedAt?.timeIntervalSince1970 ?? 0), -job.id)
            }
        }
        return jobs.sorted { rank($0) < rank($1) }
    }

    /// Until the job should have ended, the wait of one that is queued included.
    private static func secondsLeft(_ job: JobStatus, _ now: Date) -> Double? {
        if let progress = running(job) { return progress.etaSeconds }
        return job.expectedEnd.map { max(0, $0.timeIntervalSince(now)) }
    }

    /// Rates and times are of interest only while they can come true.
    private static func running(_ job: JobStatus) -> JobProgress? { job.state == .running ? job.progress : nil }

    /// Why it waits, what went wrong, or how long it took.
    package static func note(on job: JobStatus) -> String {
        let late = job.inputs.flatMap { $0.laterCount > 0 ? "files came after it was taken in (diffctl show)" : nil }
        // The error of a failed job takes the whole column.
        let prompt = job.state == .failed ? nil : job.prompt.map { "\"\(printable($0))\"" }
        return [standing(of: job), late, prompt].compactMap(\.self).filter { !$0.isEmpty }.joined(separator: "; ")
    }

    private static func standing(of job: JobStatus) -> String {
        switch job.state {
        case .queued, .held:
            let reason = job.reason.map(\.rawValue)
            return [reason, job.detail].compactMap(\.self).joined(separator: ": ")
        case .failed: return job.error?.message ?? job.detail ?? ""
        case .succeeded:
            guard let started = job.startedAt, let finished = job.finishedAt else { return "" }
            return "took " + Quantity.duration(seconds: finished.timeIntervalSince(started))
        case .running:
            return [job.attempt > 1 ? "attempt \(job.attempt)" : nil, job.detail].compactMap(\.self).joined(
                separator: ", ")
        case .cancelling, .cancelled: return job.detail ?? ""
        }
    }
}
