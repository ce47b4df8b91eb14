internal import Problems

/// Runs `body`, and lets its problems say which key of the job file led to them, where they name none: `path`, such as
/// `$.dataset.path`.
func pointing<Result>(to path: String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch var problem as Problem {
        problem.path = problem.path ?? path
        throw problem
    } catch var problems as Problems {
        for index in problems.all.indices where problems.all[index].path == nil { problems.all[index].path = path }
        throw problems
    }
}
