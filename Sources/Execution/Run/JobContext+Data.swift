internal import Configurations
internal import Datasets
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Problems
internal import Spool
internal import StrictJSON
internal import TensorCore

/// The data sets that jobs name.
extension JobContext {
    /// Decoded samples may take a quarter of the job's memory.
    static func cacheLimit(_ common: CommonOptions) -> Int { common.resources.memory.map { $0 / 4 } ?? 2 << 30 }

    /// Decoding one picture may take half of it.
    static func imageLimits(_ common: CommonOptions) -> ImageLimits {
        common.resources.memory.map { ImageLimits(memory: $0 / 2) } ?? ImageLimits()
    }

    /// Links within a data set may lead to what the job may read.
    var permit: FolderListing.Permit {
        let (policy, directory) = (policy, directory)
        return { _ = try policy.resolve($0, base: directory) }
    }

    /// Opens the data set of a job, and decodes it where that fits into memory.
    func openDataset(
        _ configuration: DatasetConfiguration, _ common: CommonOptions, readingCaptions: Bool = false
    ) throws -> Dataset {
        try pointing(to: "$.dataset") {
            var loading = LoadingOptions(
                memory: Self.cacheLimit(common), threads: device.threads, limits: Self.imageLimits(common),
                permit: permit)
            loading.readsCaptions = readingCaptions
            let resolved = try configuration.mapInputs { input in
                do { return try permitted(input.path) } catch var problem as Problem {
                    problem.path = input.role.jsonPath
                    throw problem
                }
            }
            let dataset = try Dataset(resolved, seed: common.seed, loading: loading) { done, total in
                try stop.check()
                if done == total { log("decoded \(total) samples") }
            }
            for note in dataset.notes { log("note: \(note)") }
            return dataset
        }
    }
}
