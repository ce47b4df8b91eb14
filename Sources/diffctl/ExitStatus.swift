import ArgumentParser
import ControlAPI
import Glibc
package import Problems

/// The exit statuses of diffctl; 65 and above after sysexits.h.
package enum ExitStatus: Int32, Sendable, CaseIterable {
    case done = 0
    /// Something failed; for `wait`, the job did.
    case failed = 1
    case usage = 2
    /// For `wait`: the job was cancelled.
    case cancelled = 3
    case noSuchJob = 4
    case badJobFile = 65
    case unreachable = 69
    case notPermitted = 77
    case badConfiguration = 78

    /// The status for a request that the daemon, or the way to it, refused.
    package init(_ code: Problem.Code) {
        switch code {
        case .missing: self = .noSuchJob
        case .denied: self = .notPermitted
        case .unavailable, .interrupted: self = .unreachable
        case .invalid, .corrupt, .unsupported, .outOfMemory, .diskFull, .numerical, .crashed, .io, .internal:
            self = .failed
        }
    }

    /// The status for a job file that was refused: its missing inputs and impossible values are faults of the file.
    package static func ofJobFile(_ code: Problem.Code) -> ExitStatus {
        switch code {
        case .invalid, .missing, .corrupt, .unsupported: .badJobFile
        default: ExitStatus(code)
        }
    }
}

/// Why a verb ends with a status other than 0.
package struct Failure: Error {
    package var status: ExitStatus
    /// Lines for standard error; none where all has been said.
    package var messages: [String]

    package init(_ status: ExitStatus, _ messages: [String] = []) {
        self.status = status
        self.messages = messages
    }

    package init(_ problems: Problems) {
        self.init(problems.all.first.map { ExitStatus($0.code) } ?? .failed, problems.all.map(\.description))
    }

    package init(_ problem: Problem) { self.init(Problems([problem])) }

    package func report() {
        for message in messages { standardError("diffctl: \(printable(message))") }
    }

    func exit() -> Never {
        report()
        Glibc.exit(status.rawValue)
    }
}

/// Runs `work` on each element, tells the problems of those that fail, and goes on; fails in the end with the status of the
/// first failure.
package func forEach<Element>(_ elements: [Element], _ work: (Element) throws -> Void) throws {
    var first: ExitStatus?
    for element in elements {
        do {
            try work(element)
        } catch let problems as Problems {
            let failure = Failure(problems)
            failure.report()
            first = first ?? failure.status
        } catch let failure as Failure {
            failure.report()
            first = first ?? failure.status
        }
    }
    if let first { throw Failure(first) }
}

/// Runs `work`, turning the daemon's problems into a failure with their status.
package func request<Result>(_ work: () throws(Problems) -> Result) throws(Failure) -> Result {
    do { return try work() } catch { throw Failure(error) }
}
