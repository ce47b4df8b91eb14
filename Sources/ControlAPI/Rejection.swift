public import Foundation
import JobSpec
public import Problems

/// A drop that was refused: what its receipt says. `GET /v1/rejections` lists the newest.
public struct Rejection: Sendable, Codable, Hashable {
    /// The drop's name in `incoming/`.
    public var name: String
    /// What its job would have been called.
    public var job: String
    public var rejectedAt: Date
    /// Absolute path of the receipt.
    public var receipt: String
    /// Never empty.
    public var problems: [Problem]

    enum CodingKeys: String, CodingKey {
        case name, job, receipt, problems
        case rejectedAt = "rejected_at"
    }

    public init(name: String, job: String? = nil, rejectedAt: Date, receipt: String, problems: [Problem]) {
        self.name = name
        self.job = job ?? JobName.from(fileName: name)
        self.rejectedAt = rejectedAt
        self.receipt = receipt
        self.problems = problems
    }
}

/// `GET /v1/rejections?name=NAME&limit=N`
public struct RejectionList: Sendable, Codable, Hashable {
    /// The newest last.
    public var rejections: [Rejection]

    public init(rejections: [Rejection]) { self.rejections = rejections }
}
