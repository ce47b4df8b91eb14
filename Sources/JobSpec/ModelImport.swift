public import Configurations
public import Problems

/// What diffctl has diffd-worker do with a model in one file: write it as a directory of diffusers.
public struct ModelImport: Sendable, Codable, Hashable {
    /// The option in front of it, as JSON, on the worker's command line.
    public static let option = "--import"

    public var file: String
    /// The directory to be made, which must not be there.
    public var directory: String
    /// `ema`: the average of the weights, where the file has both.
    public var variant: String?
    /// What the U-Net predicts; nil: as the file's marks say, else as is usual for the family.
    public var predictionType: SchedulerConfiguration.PredictionType?

    public init(
        file: String, directory: String, variant: String? = nil,
        predictionType: SchedulerConfiguration.PredictionType? = nil
    ) {
        (self.file, self.directory, self.variant, self.predictionType) = (file, directory, variant, predictionType)
    }

    /// What came of it: what the worker writes to its standard output, as JSON.
    public struct Outcome: Sendable, Codable, Hashable {
        /// `Stable Diffusion XL`; nil where the import failed.
        public var family: String?
        public var directory: String
        public var warnings: [Problem]
        /// Empty where it succeeded.
        public var problems: [Problem]

        public init(family: String?, directory: String, warnings: [Problem] = [], problems: [Problem] = []) {
            (self.family, self.directory, self.warnings, self.problems) = (family, directory, warnings, problems)
        }
    }
}
