internal import Configurations
internal import Problems
internal import Text

extension Pipeline {
    /// The pipeline whose parts lie in one file.
    ///
    /// - Throws: where its text encoder does not know all words of CLIP's vocabulary, or parts do not fit each other.
    init(_ file: SingleFile) throws {
        path = file.path
        configuration = ModelConfiguration(file.denoiser)
        scheduler = file.scheduler
        schedulerClass = file.scheduler.sampler
        classNames = [:]
        denoiser = file.denoiserSource
        singleFile = file
        autoencoder = file.autoencoder
        scalingFactor = file.family.scalingFactor
        text = TextParts(
            file.family.textPipeline,
            encoders: try file.textEncoders.map { encoder in
                let tokenizer = CLIPVocabulary(padding: encoder.padding).tokenizer
                if let misfit = encoder.configuration.misfit(
                    withVocabulary: tokenizer.vocabularySize, length: tokenizer.maximumLength)
                {
                    throw Problem(
                        misfit.code, misfit.message,
                        remedy: "Single files are read with CLIP's own vocabulary: give a diffusers directory.",
                        file: file.path)
                }
                return TextEncoderPart(encoder.component, encoder.configuration, tokenizer, encoder.source)
            }, lowResolutionScheduler: file.family.lowResolutionScheduler)
        warnings = file.warnings
        try check(file.path)
    }
}
