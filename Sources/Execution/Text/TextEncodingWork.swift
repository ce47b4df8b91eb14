internal import Checkpoints
internal import Models

/// The encoding of a job's prompts, one sequence of tokens at a time.
struct TextEncodingWork: ResumableWork {
    private let conditions: TextConditions
    private let encoders: [Component<any TextEncoder>]
    private var remaining: ArraySlice<TextConditions.Task>
    let totalSteps: Int

    init(_ conditions: TextConditions, _ encoders: [Component<any TextEncoder>]) throws {
        self.conditions = conditions
        self.encoders = encoders
        remaining = try conditions.remainingTasks()[...]
        totalSteps = conditions.tasks.map(\.count).reduce(0, +)
    }

    var stepsDone: Int { totalSteps - remaining.count }
    /// Each sequence is a file that is whole or absent.
    var isSavedByTime: Bool { false }

    mutating func step() throws -> TextConditions.Task? {
        guard let task = remaining.popFirst() else { return nil }
        try conditions.encode(task, by: try encoders[task.encoder]())
        return task
    }

    mutating func finish(_ task: TextConditions.Task) throws -> StepOutcome { StepOutcome() }

    mutating func save() throws {}
}
