import Foundation
package import JobSpec

/// What was found of a job that is not handed in, a line for each thing.
package enum ExaminationText {
    package static func lines(_ outcome: JobExamination.Outcome) -> [String] {
        var lines: [(String, String)] = []
        if let model = outcome.model {
            let conditions = model.conditions.isEmpty ? "nothing" : model.conditions.joined(separator: ", ")
            lines.append(
                (
                    "model",
                    "\(model.family), \(Quantity.significant(Double(model.parameters) / 1e6)) million parameters, "
                        + "conditioned on \(conditions)"
                ))
            lines.append(("", model.path))
        }
        if let memory = outcome.memory { lines.append(("memory", "about \(Quantity.bytes(memory))")) }
        if let steps = outcome.steps, let seconds = outcome.secondsPerStep {
            lines.append(
                (
                    "time",
                    "about \(Quantity.significant(seconds)) s a step on this machine, if nothing else runs; \(steps) steps: "
                        + Quantity.duration(seconds: seconds * Double(steps))
                ))
        }
        lines += outcome.notes.filter { $0.hasPrefix("warning: ") || $0.hasPrefix("note: ") }.map { ("", $0) }
        return lines.map { "  " + $0.padding(toLength: 8, withPad: " ", startingAt: 0) + printable($1) }
    }
}
