internal import Configurations
internal import Problems
internal import StrictJSON

extension NetworkConfiguration {
    /// The same configuration where it keeps the rules of its `config.json`: those that are made from shapes in a
    /// header may be absurd.
    ///
    /// - Throws: what is wrong with it.
    func checked(file: String) throws(Problems) -> Self {
        var report = Report()
        let read = Self.read(config: configJSON, of: className, into: &report)
        try report.check(file: file)
        return read ?? self
    }
}
