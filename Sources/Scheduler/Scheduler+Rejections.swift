public import ControlAPI
import DurableFiles
import Foundation
import JobSpec
import Logging
import Problems
import Spool
import StrictJSON

/// Drops that were refused of late. Their receipts are the truth: one that somebody has removed is forgotten.
extension Scheduler {
    /// So many are known.
    private static let rejectionsKept = 100

    /// Reads the receipts that an earlier daemon has left.
    func recallRejections() {
        attempt("read the receipts in rejected/") {
            rejections = try layout.receipts(newest: Self.rejectionsKept, in: files).map { Rejection($1, at: $0) }
        }
    }

    /// Tells everyone of a drop that was refused.
    func tellRejected(_ receipt: (path: String, receipt: Receipt)) {
        let rejection = Rejection(receipt.receipt, at: receipt.path)
        let count = rejection.problems.count
        counters.rejected += 1
        logger.log(
            level: StateChange.rejected.level,
            "rejected \(rejection.name): \(count) \(count == 1 ? "problem" : "problems"), see \(rejection.receipt)",
            metadata: ["message_id": "\(StateChange.rejected.messageID)"])
        // A drop that was refused before a crash and is refused again has one receipt.
        rejections.removeAll { $0.receipt == rejection.receipt }
        rejections.append(rejection)
        if rejections.count > Self.rejectionsKept { rejections.removeFirst() }
        hub.send(rejection)
    }

    public func rejections(named name: String?, limit: Int) -> [Rejection] {
        // What cannot be looked at is still told.
        rejections.removeAll { (try? files.status($0.receipt)) == .some(nil) }
        return rejections.filter { name == nil || $0.name == name || $0.job == name }.suffix(max(0, limit))
    }

    /// That there is no job of a name, and why, where a drop would have become one.
    func noJob(_ reference: JobReference) -> Problem {
        if case .name(let name) = reference, let rejection = rejections(named: name, limit: 1).last,
            let first = rejection.problems.first
        {
            let rest = rejection.problems.count - 1
            return Problem(
                .missing, "there is no job \(name): the drop \(rejection.name) was refused",
                remedy: "Mend it and drop it again; its receipt is \(rejection.receipt).",
                cause: first.description + (rest > 0 ? "; and \(rest) more" : ""))
        }
        return Problem(.missing, "there is no job \(reference)", remedy: "See the jobs with diffctl list.")
    }
}

extension Rejection {
    init(_ receipt: Receipt, at path: String) {
        self.init(
            name: receipt.name, job: receipt.job, rejectedAt: receipt.rejectedAt, receipt: path,
            problems: receipt.problems)
    }
}
