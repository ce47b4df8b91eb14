/// How the execution of a job ended that did not fail.
enum Ending: Equatable {
    /// `leftovers` are of no use once the result is written: paths in the job's directory.
    case succeeded(leftovers: [String] = [])
    /// Stopped on request, with the state saved.
    case checkpointed
    /// Only looked at: nothing is to follow.
    case examined
}
