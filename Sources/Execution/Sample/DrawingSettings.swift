internal import Checkpoints
internal import Configurations
internal import JobSpec
internal import Problems

/// What a job says of its samples, completed by what it leaves to the model.
struct DrawingSettings {
    let sampler: SettledSampler
    /// 1: none.
    let guidanceScale: Double
    /// Sample i has class `classes[i % classes.count]`; nil for a model without classes, or for all of them.
    let classes: [Int]?
    /// Nil for a model that reads no text.
    let prompts: PromptList?

    /// - Throws: what does not fit the model, with the job's key.
    init(_ options: DrawingOptions, _ pipeline: Pipeline, _ context: JobContext) throws {
        let text = pipeline.text?.pipeline
        if let misfit = Compatibility.prompts(areGiven: options.prompts.isGiven, for: text) { throw misfit.problem }
        prompts = try PromptList(options.prompts, context)
        let usual = text.map { UsualSampler(pipeline.schedulerClass, steps: $0.usualSteps) }
        sampler = try SettledSampler(options.sampler, usual: usual ?? .plain, over: pipeline.scheduler)
        guidanceScale = options.guidanceScale ?? text?.usualGuidanceScale ?? 1
        classes = try options.classLabels?.map { label in
            switch label {
            case .number(let number): return number
            case .name(let name):
                do throws(Misfit) {
                    return try Compatibility.number(ofClass: name, among: pipeline.classNames)
                } catch {
                    throw error.problem
                }
            }
        }
    }
}
