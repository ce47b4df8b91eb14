public import Problems

/// What a picture is to show: a text whose fragments count more or less.
public struct Prompt: Sendable, Hashable {
    public struct Fragment: Sendable, Hashable {
        public var text: String
        /// How much it counts; 1 where nothing is said.
        public var weight: Float

        public init(_ text: String, weight: Float = 1) { (self.text, self.weight) = (text, weight) }
    }

    /// The fragments between one `BREAK` and the next; a single part where there is none.
    public var parts: [[Fragment]]

    /// A text that is taken as it is.
    public init(_ text: String) { parts = [[Fragment(text)]] }

    /// A text with weights, as AUTOMATIC1111's web UI reads it:
    ///
    /// | | |
    /// | --- | --- |
    /// | `(x)` | x counts 1.1 times as much; brackets within brackets multiply |
    /// | `[x]` | x counts 1 / 1.1 times as much |
    /// | `(x:1.2)` | x counts 1.2 times as much |
    /// | `\(` `\)` `\[` `\]` `\\` | the character itself; any other backslash is left out |
    /// | `BREAK` | ends a sequence of tokens |
    ///
    /// A bracket that is not closed reaches to the end; a closing one that was not opened is a character.
    ///
    /// - Throws: `unsupported` for prompts that compose pictures or change from step to step: `a AND b`, `[a:b:0.5]`,
    ///   `[b:0.5]`, `[a|b]`; `invalid` for a weight that is no number or beyond 100.
    public init(weighted text: String) throws(Problem) {
        var parser = WeightedPromptParser(text)
        parts = try parser.parts()
    }

    /// Whether a fragment counts more or less than others.
    public var isWeighted: Bool { parts.joined().contains { $0.weight != 1 } }
}
