import Foundation
public import JobSpec

/// Why a job that is not running waits.
public struct Wait: Sendable, Hashable {
    public var reason: WaitReason
    /// A sentence for people.
    public var detail: String
    /// The jobs that it waits for.
    public var waitsFor: [Int]

    public init(_ reason: WaitReason, _ detail: String, waitsFor: [Int] = []) {
        self.reason = reason
        self.detail = detail
        self.waitsFor = waitsFor
    }

    init(_ hold: Hold, waitsFor: Set<Int>) {
        self.init(
            hold.cause == .dependencyFailed ? .dependencyFailed : .held, hold.detail,
            waitsFor: hold.cause == .dependencyFailed ? waitsFor.sorted() : [])
    }

    /// `job 3`, `jobs 3 and 5`, `jobs 3, 5 and 8`.
    static func list(_ ids: some Collection<Int>) -> String {
        let sorted = ids.sorted().map(String.init)
        guard let last = sorted.last, sorted.count > 1 else { return "job \(sorted.first ?? "none")" }
        return "jobs \(sorted.dropLast().joined(separator: ", ")) and \(last)"
    }
}
