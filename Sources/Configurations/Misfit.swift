public import Problems
public import StrictJSON

/// Two things that do not fit each other: what is wrong, which key is to blame, and what to do. A rule of job files
/// reports it at the key's place; a worker, with the files in hand, throws it.
public struct Misfit: Error, Sendable, Hashable {
    /// Dotted, such as `model.sample_size`.
    public var key: String
    /// Keys that play a part too.
    public var others: [String]
    public var message: String
    public var remedy: String
    public var code: Problem.Code

    public init(
        _ key: String, and others: [String] = [], _ message: String, remedy: String, code: Problem.Code = .invalid
    ) {
        (self.key, self.others, self.message, self.remedy, self.code) = (key, others, message, remedy, code)
    }

    /// The same with keys that are members of `owner`.
    public func within(_ owner: String) -> Misfit {
        var inner = self
        inner.key = "\(owner).\(key)"
        inner.others = others.map { "\(owner).\($0)" }
        return inner
    }

    /// As an error of the job.
    public var problem: Problem { Problem(code, message, remedy: remedy, path: "$.\(key)") }
}

extension Checks {
    public mutating func fail(_ misfit: Misfit) {
        fail(misfit.key, and: misfit.others, misfit.message, remedy: misfit.remedy, code: misfit.code)
    }
}
