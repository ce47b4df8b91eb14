package import Doctor
import Problems

/// What the doctor has found.
package enum DiagnosisText {
    package static func render(_ outcome: Rebuilding.Outcome) -> String {
        let kept = outcome.kept.map { "The old store is kept as \(printable($0)). " } ?? ""
        return kept + "The new one has \(outcome.jobs.of("job")), of which \(outcome.held) "
            + (outcome.held == 1 ? "is held." : "are held.")
    }

    package static func render(_ diagnosis: Diagnosis, spool: String, _ style: Style) -> String {
        let looked =
            "\(printable(spool)): \(diagnosis.jobs.of("job")), \(diagnosis.statesRead.of("saved state")) read."
        guard !diagnosis.findings.isEmpty else { return looked + " " + style.paint("Nothing is wrong.", .green) }
        let findings = diagnosis.findings.map { finding in
            let weight = style.paint(finding.weight.rawValue, finding.weight == .error ? .red : .yellow)
            let problem = finding.problem
            let details = [problem.file, problem.cause, problem.remedy].compactMap(\.self).flatMap(printableLines)
                .map { "    " + $0 }
            return ([printable("\(finding.area.rawValue): \(problem.message)")].map { "\(weight): \($0)" } + details)
                .joined(separator: "\n")
        }
        return ([looked] + findings).joined(separator: "\n")
    }
}
