/// Some of a network's parameters, by their dotted names.
public struct ParameterSelection: Sendable, Hashable {
    /// A parameter is selected if one of them matches its whole name; `*` stands for any characters, none included.
    public var patterns: [String]
    /// A parameter that one of these matches is not selected.
    public var exceptions: [String]

    public init(_ patterns: [String], except exceptions: [String] = []) {
        self.patterns = patterns
        self.exceptions = exceptions
    }

    public static let all = ParameterSelection(["*"])

    public func contains(_ name: String) -> Bool {
        patterns.contains { Self.matches($0, name) } && !exceptions.contains { Self.matches($0, name) }
    }

    /// Whether the parts of the pattern between its stars follow each other in the name, the first at its start and the
    /// last at its end.
    private static func matches(_ pattern: String, _ name: String) -> Bool {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard parts.count > 1, let first = parts.first, let last = parts.last else { return pattern == name }
        guard name.hasPrefix(first) else { return false }
        var rest = name.dropFirst(first.count)
        for part in parts[1..<parts.count - 1] where !part.isEmpty {
            // The earliest place leaves the most for what follows.
            guard let place = rest.firstRange(of: part) else { return false }
            rest = rest[place.upperBound...]
        }
        return rest.hasSuffix(last)
    }
}
