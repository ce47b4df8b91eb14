import Foundation
package import Problems

/// How verbs that wait get over a daemon that restarts: they try again every half second, for as long as a stop with
/// checkpoints and a start may take.
package struct Patience {
    private static let limit = Duration.seconds(300)
    private var since: ContinuousClock.Instant?

    package init() {}

    /// Sleeps before another try. Throws `problems` if they are not for lack of a daemon, or have lasted too long.
    package mutating func wait(after problems: Problems) throws(Problems) {
        guard problems.all.allSatisfy({ $0.code == .unavailable }) else { throw problems }
        if let since {
            guard .now - since < Self.limit else { throw problems }
        } else {
            since = .now
            let reason = problems.all.first?.message ?? "the daemon is not reachable"
            standardError("diffctl: \(printable(reason)); trying again")
        }
        Thread.sleep(forTimeInterval: 0.5)
    }

    /// Forgets earlier failures, once the daemon has answered.
    package mutating func reset() { since = nil }
}
