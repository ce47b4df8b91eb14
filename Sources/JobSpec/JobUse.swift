/// A job that another one names: to run after it, or to use what it makes.
public struct JobUse: Sendable, Hashable {
    /// What the other job is for.
    public enum Purpose: Sendable, Hashable {
        /// It must succeed before.
        case after
        /// It trains what the job uses in this place: a model, an autoencoder, an adapter.
        case model(JobInput.Role)
        /// The same, by the name under which that is published, now or when the training has succeeded.
        case published(JobInput.Role)
        /// Its pictures are looked at.
        case pictures(JobInput.Role)
    }

    public var job: JobReference
    public var purpose: Purpose
    /// Where it stands in the job file: `$.after[0]`.
    public var path: String
}

extension JobSpec {
    /// Every job that the job names, in `after` first.
    public var uses: [JobUse] {
        common.after.enumerated().map { JobUse(job: $1, purpose: .after, path: "$.after[\($0)]") }
            + modelUses.compactMap { use in
                switch use.model {
                case .jobID(let id): JobUse(job: .id(id), purpose: .model(use.role), path: use.path)
                case .jobName(let name): JobUse(job: .name(name), purpose: .model(use.role), path: use.path)
                case .published(let name): JobUse(job: .name(name), purpose: .published(use.role), path: use.path)
                case .path: nil
                }
            }
            + pictureUses.map { JobUse(job: $0.job, purpose: .pictures($0.role), path: $0.role.jsonPath) }
    }

    /// The names of jobs by which the job names others.
    public var namedJobs: Set<String> {
        Set(uses.compactMap { if case .name(let name) = $0.job { name } else { nil } })
    }
}
