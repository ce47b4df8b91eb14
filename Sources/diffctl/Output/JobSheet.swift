package import Foundation
package import JobSpec
import Problems

/// All about one job, a line for each thing.
package enum JobSheet {
    /// `specification` is the text of the job's `job.json`.
    package static func render(
        _ job: JobStatus, specification: String?, _ style: Style, zone: TimeZone = .current
    ) -> String {
        var lines: [(String, String)] = [
            ("Job", "\(job.id) \(printable(job.name))"),
            ("Kind", job.kind.rawValue),
            ("State", style.paint(job.state.rawValue, Style.color(of: job.state))),
        ]
        func add(_ label: String, _ value: String?) {
            if let value, !value.isEmpty { lines.append((label, printable(value))) }
        }
        add("Waits", job.reason?.rawValue)
        add("Detail", job.detail)
        add("Prompt", job.prompt)
        add("Owner", job.owner)
        add("Priority", String(job.priority))
        add("Attempt", String(job.attempt))
        if let progress = job.progress {
            add(
                "Progress",
                "step \(progress.step) of \(progress.totalSteps), \(Int(saturating: (progress.fraction * 100).rounded(.down)))%"
            )
            if job.state == .running {
                add("Rate", progress.stepsPerSecond.map { Quantity.significant($0) + " steps/s" })
                add("Left", progress.etaSeconds.map { Quantity.duration(seconds: $0) })
            }
            add("Loss", progress.loss.map(Quantity.significant))
        }
        add("Submitted", Quantity.time(job.submittedAt, in: zone))
        add("Started", job.startedAt.map { Quantity.time($0, in: zone) })
        add("Finished", job.finishedAt.map { Quantity.time($0, in: zone) })
        add("Starts", job.expectedStart.map { "about " + Quantity.time($0, in: zone) })
        add("Ends", job.expectedEnd.map { "about " + Quantity.time($0, in: zone) })
        add("Directory", job.directory)
        add("Inputs", job.inputs?.text)
        add("Late", job.inputs?.laterText)
        if let error = job.error {
            add("Error", error.message)
            add("Place", [error.file, error.path].compactMap(\.self).joined(separator: " "))
            add("Cause", error.cause)
            add("Remedy", error.remedy)
        }
        let width = lines.map(\.0.count).max() ?? 0
        let sheet = lines.map { $0.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $1 }.joined(
            separator: "\n")
        return specification.map { sheet + "\n\n" + $0 } ?? sheet
    }
}
