public import Problems

/// Something that is not as it should be.
public struct Finding: Sendable, Codable, Hashable {
    /// What was looked at.
    public enum Area: String, Sendable, Codable, CaseIterable {
        case configuration, directories, disk, store, jobs, models, unit
    }

    public enum Weight: String, Sendable, Codable, CaseIterable {
        /// diffd cannot run, or a job cannot go on, until somebody has mended it.
        case error
        /// diffd goes on, or mends it by itself.
        case warning
    }

    public var area: Area
    public var weight: Weight
    /// What is wrong, and by whom and how it is mended.
    public var problem: Problem

    public init(_ area: Area, _ weight: Weight, _ problem: Problem) {
        self.area = area
        self.weight = weight
        self.problem = problem
    }
}

/// What an examination has found, in the order of the areas.
public struct Diagnosis: Sendable, Codable, Hashable {
    public var findings: [Finding] = []
    /// How many jobs the store has, in all.
    public var jobs = 0
    /// How many saved states were read and compared with their checksums.
    public var statesRead = 0

    enum CodingKeys: String, CodingKey {
        case findings, jobs
        case statesRead = "states_read"
    }

    public init() {}
}
