package import ControlAPI
package import Foundation
package import JobSpec
import Problems
import StrictJSON

/// What `watch` shows.
package enum WatchText {
    private static let barWidth = 20

    /// The whole screen: from its upper left corner, each line cleared to its end, and the rest below cleared.
    package static func screen(
        _ jobs: [JobStatus], _ style: Style, rejected: [Rejection] = [], now: Date = .now
    ) -> String {
        let jobs = JobTable.inOrder(jobs)
        let below = RejectionText.lines(rejected, style, now: now)
        // Without the last line, on which the cursor stands: the terminal never scrolls. The header has one, and so has the word of
        // those that have no place.
        let room = max(2, (style.height ?? .max) - 1)
        let shown = max(1, room - 1 - below.count)
        let left = jobs.count <= shown ? 0 : jobs.count - (shown - 1)
        var lines = table(Array(jobs.prefix(jobs.count - left)), style, now: now)
            .split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
        if left > 0 { lines.append("... and \(left) more") }
        lines += below
        return "\u{1B}[H" + lines.prefix(room).map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J"
    }

    package static func table(_ jobs: [JobStatus], _ style: Style, now: Date = .now) -> String {
        guard !jobs.isEmpty else { return "No jobs." }
        return JobTable.render(jobs, style, now: now, bars: true)
    }

    /// `[########------------]`
    package static func bar(_ fraction: Double) -> String {
        let filled = Int(saturating: (min(1, max(0, fraction)) * Double(barWidth)).rounded(.down))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: barWidth - filled) + "]"
    }

    /// One change in one line, for files and pipes.
    package static func line(_ event: JobEvent) -> String {
        let time = event.time.printable.formatted(.iso8601)
        if let rejection = event.rejection { return "\(time)  refused  \(RejectionText.line(rejection))" }
        guard let job = event.job else { return time }
        var parts = [time, "\(job.id) \(job.name)", job.state.rawValue]
        if let progress = job.progress, job.state == .running {
            parts.append("step \(progress.step)/\(progress.totalSteps)")
            if let rate = progress.stepsPerSecond { parts.append(Quantity.significant(rate) + "/s") }
            if let left = progress.etaSeconds { parts.append("left " + Quantity.duration(seconds: left)) }
            if let loss = progress.loss { parts.append("loss " + Quantity.significant(loss)) }
        }
        if event.kind == .state { parts.append(JobTable.note(on: job)) }
        return printable(parts.filter { !$0.isEmpty }.joined(separator: "  "))
    }
}
