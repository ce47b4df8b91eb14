import Configurations
import StrictJSON
import TestSupport
import Testing

/// The scheduler that a fixture describes, in `node` or as its own options.
func schedulerConfiguration(_ node: JSONNode) throws -> SchedulerConfiguration {
    var report = Report(unknownKeys: .areWarnings)
    let configuration = SchedulerConfiguration.read(node, into: &report)
    try report.check()
    return try #require(configuration)
}

extension JSONNode {
    /// The numbers of the list at `key`.
    func numbers(_ key: String) throws -> [Double] {
        try #require(self[key]?.elements).map { try #require($0.number) }
    }

    /// The integers of the list at `key`.
    func integers(_ key: String) throws -> [Int] {
        try #require(self[key]?.elements).map { try #require($0.integer) }
    }
}
