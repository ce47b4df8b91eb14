internal import Checkpoints
internal import Configurations
internal import JobSpec
internal import Problems
internal import Spool

/// The models that a job names.
extension JobContext {
    /// Reads the configurations of a model, and logs what is odd about them.
    ///
    /// - Throws: what is wrong with them, and what keeps the model from being used at all.
    func open(
        _ reference: ModelReference, variant: String? = nil,
        predictionType: SchedulerConfiguration.PredictionType? = nil, needsAutoencoder: Bool = true,
        as role: JobInput.Role = .model
    ) throws -> Pipeline {
        let path = try models.location(of: reference, as: role)
        return try pointing(to: role.jsonPath) {
            let pipeline = try Pipeline(
                path, variant: variant, predictionType: predictionType, needsAutoencoder: needsAutoencoder)
            for warning in pipeline.warnings { log("warning: \(warning)") }
            if role == .model { examination?.note(pipeline) }
            if let misfit = pipeline.configuration.network.misfit(with: pipeline.scheduler) {
                throw Problem(.unsupported, misfit.message, remedy: misfit.remedy, file: path)
            }
            return pipeline
        }
    }

    /// Reads the configuration of an autoencoder, and logs what is odd about it.
    ///
    /// - Parameter scalingFactor: of the model that it is used with, for a file that does not tell its own.
    func openAutoencoder(_ reference: ModelReference, scalingFactor: Double? = nil) throws -> AutoencoderPart {
        let role = JobInput.Role.autoencoder
        let path = try models.location(of: reference, as: role)
        return try pointing(to: role.jsonPath) {
            let part = try AutoencoderPart(path, scalingFactor: scalingFactor)
            for warning in part.warnings { log("warning: \(warning)") }
            return part
        }
    }
}
