import ArgumentParser
import JobSpec
package import Problems
package import StrictJSON

/// A member of a job file that is given on the command line: `training.steps=100`.
package struct Override: Sendable, ExpressibleByArgument {
    /// The names on the way to the member.
    package var path: [String]
    /// JSON where the text is JSON, otherwise the text itself.
    var value: JSONNode

    package init?(argument: String) {
        guard let sign = argument.firstIndex(of: "=") else { return nil }
        path = argument[..<sign].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard path.allSatisfy({ !$0.isEmpty }) else { return nil }
        let text = String(argument[argument.index(after: sign)...])
        // What is not JSON is a string that needs no quotes in a shell.
        value = (try? JSONNode.parse([UInt8](text.utf8))) ?? JSONNode(.string(text))
    }

    /// Sets the member, making the objects on the way where there are none.
    package func apply(to job: inout JSONNode) throws(Problem) { try Self.set(value, at: path[...], of: &job, path) }

    private static func set(
        _ value: JSONNode, at path: ArraySlice<String>, of node: inout JSONNode, _ whole: [String]
    ) throws(Problem) {
        guard let name = path.first else {
            node.content = value.content
            return
        }
        guard var members = node.members else {
            throw Problem(
                .invalid, "\(whole.joined(separator: ".")) cannot be set: \(node.kindDescription) has no members",
                remedy: "Name a member of an object.",
                path: "$." + whole.prefix(whole.count - path.count).joined(separator: "."))
        }
        let index = members.firstIndex { $0.name == name } ?? members.endIndex
        if index == members.endIndex { members.append(JSONNode.Member(name, JSONNode(.object([])))) }
        try set(value, at: path.dropFirst(), of: &members[index].node, whole)
        node.content = .object(members)
    }
}

/// Members that are set in each job file.
struct OverrideOptions: ParsableArguments {
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "Set a member of each job: --set training.steps=100. May be given more than once.",
            discussion: "The value is JSON where it can be, otherwise a string.", valueName: "key=value"))
    var overrides: [Override] = []
}
