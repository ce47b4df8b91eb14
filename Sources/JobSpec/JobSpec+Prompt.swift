import Problems

extension JobSpec {
    /// How the first prompt begins, in one line, for lists of jobs; nil for a job without a prompt of its own.
    public var promptBeginning: String? {
        let prompts: PromptOptions? =
            switch self {
            case .sample(let job): job.drawing.prompts
            case .img2img(let job): job.drawing.prompts
            case .train, .trainAutoencoder, .fineTune, .videoExtend, .evaluate: nil
            }
        guard let prompt = prompts?.prompt?.first, !prompt.isEmpty else { return nil }
        let shown = prompt.prefix(Self.promptShown)
        return (String(shown) + (shown.count < prompt.count ? "..." : "")).printable
    }

    /// Characters of a prompt in a list.
    private static let promptShown = 60
}
