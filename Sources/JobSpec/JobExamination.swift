public import Problems

/// What diffctl has diffd-worker do with a job that is not handed in: open the model and the files that it names, find
/// what is wrong with them, and tell what the job will take.
public struct JobExamination: Sendable, Codable, Hashable {
    /// The option in front of it, as JSON, on the worker's command line.
    public static let option = "--examine"

    /// The text of a job file.
    public var job: String
    /// The job's name where the file gives none.
    public var name: String
    public var spool: String
    /// The absolute path of a directory from which relative paths start; nil: they start from the spool.
    public var directory: String?
    public var threads: Int

    public init(job: String, name: String, spool: String, directory: String? = nil, threads: Int) {
        (self.job, self.name, self.spool, self.directory, self.threads) = (job, name, spool, directory, threads)
    }

    /// What the worker writes to its standard output, as JSON.
    public struct Outcome: Sendable, Codable, Hashable {
        /// What would end the job.
        public var problems: [Problem] = []
        /// What the job's log would say before its first step.
        public var notes: [String] = []
        public var model: Model?
        /// Bytes.
        public var memory: Int?
        /// Steps of the whole job.
        public var steps: Int?
        /// A step's time on this machine, from what it consists of and a short measurement.
        public var secondsPerStep: Double?

        enum CodingKeys: String, CodingKey {
            case problems, notes, model, memory, steps
            case secondsPerStep = "seconds_per_step"
        }

        public init() {}
    }

    public struct Model: Sendable, Codable, Hashable {
        /// `Stable Diffusion XL`; the network's class for models without text.
        public var family: String
        /// Of its denoiser.
        public var parameters: Int
        /// What it is conditioned on beside the timestep: `text`, `classes`, `image`.
        public var conditions: [String]
        public var path: String

        public init(family: String, parameters: Int, conditions: [String], path: String) {
            (self.family, self.parameters, self.conditions, self.path) = (family, parameters, conditions, path)
        }
    }
}
