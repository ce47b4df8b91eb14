public import Problems
import StrictJSON

/// A page about a program, from what its argument parser says of it (`--experimental-dump-help`) and what its users need besides.
public struct ProgramManual: Sendable {
    /// Sections behind the options.
    public struct Section: Sendable {
        public enum Content: Sendable {
            case text(String)
            /// Terms and what is said of them.
            case items([(String, String)])
        }

        var heading: String
        var content: Content

        public init(_ heading: String, _ content: Content) {
            self.heading = heading
            self.content = content
        }
    }

    private let command: JSONNode
    private let section: Int
    private let sections: [Section]

    /// - Parameters:
    ///   - dump: the parser's own description, as JSON.
    ///   - section: of the manual.
    public init(dump: [UInt8], section: Int, sections: [Section]) throws(Problems) {
        let root = try JSONNode.parse(dump)
        guard let command = root["command"], command["commandName"]?.string != nil else {
            throw Problems([Problem(.corrupt, "the parser's description has no command")])
        }
        self.command = command
        self.section = section
        self.sections = sections
    }

    public func page(version: String) -> String {
        let name = Self.text(command, "commandName")
        var page = Roff(title: name, section: section, version: version)
        page.section("NAME")
        page.paragraphs("\(name) - \(Self.sentence(Self.text(command, "abstract")))")
        page.section("SYNOPSIS")
        let verbs = (command["subcommands"]?.elements ?? []).filter { Self.text($0, "commandName") != "help" }
        if verbs.isEmpty {
            page.verbatim("\(name) [OPTION...]")
        } else {
            page.verbatim("\(name) VERB [OPTION...] [ARGUMENT...]")
        }
        page.section("DESCRIPTION")
        page.paragraphs(Self.text(command, "discussion"))
        if verbs.isEmpty {
            page.section("OPTIONS")
            Self.arguments(of: command, to: &page)
        } else {
            page.section("VERBS")
            for (words, verb) in verbs.flatMap({ Self.leaves(of: $0, behind: [name]) }) {
                page.subsection((words + Self.positionals(verb)).joined(separator: " "))
                page.paragraphs(Self.text(verb, "abstract"))
                page.paragraphs(Self.text(verb, "discussion"))
                Self.arguments(of: verb, to: &page)
            }
        }
        for section in sections {
            page.section(section.heading)
            switch section.content {
            case .text(let text): page.paragraphs(text)
            case .items(let items): for (term, text) in items { page.item("*\(term)*", [text]) }
            }
        }
        return page.text
    }

    /// A verb, or those that it consists of, with the words that name each.
    private static func leaves(of verb: JSONNode, behind words: [String]) -> [(words: [String], verb: JSONNode)] {
        let words = words + [text(verb, "commandName")]
        let parts = (verb["subcommands"]?.elements ?? []).filter { text($0, "commandName") != "help" }
        return parts.isEmpty ? [(words, verb)] : parts.flatMap { leaves(of: $0, behind: words) }
    }

    private static func text(_ node: JSONNode, _ key: String) -> String { node[key]?.string ?? "" }

    /// As a manual's NAME line has it: small, and without a full stop.
    private static func sentence(_ text: String) -> String {
        let text = text.hasSuffix(".") ? text.dropLast() : text[...]
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    private static func positionals(_ command: JSONNode) -> [String] {
        (command["arguments"]?.elements ?? []).filter { text($0, "kind") == "positional" }.map { argument in
            let name = text(argument, "valueName").uppercased() + (argument["isRepeating"]?.bool == true ? "..." : "")
            return argument["isOptional"]?.bool == true ? "[\(name)]" : name
        }
    }

    private static func arguments(of command: JSONNode, to page: inout Roff) {
        for argument in command["arguments"]?.elements ?? [] where argument["shouldDisplay"]?.bool == true {
            let kind = text(argument, "kind")
            let value = text(argument, "valueName")
            let term: String
            if kind == "positional" {
                term = value.uppercased()
            } else {
                let names = (argument["names"]?.elements ?? []).map { name in
                    "*\(text(name, "kind") == "short" ? "-" : "--")\(text(name, "name"))*"
                }
                // What all verbs have is said once.
                if names.contains("*--help*") || names.contains("*--version*"), !isRoot(command) { continue }
                term = names.joined(separator: ", ") + (kind == "option" ? " \(value.uppercased())" : "")
            }
            page.item(
                term,
                [
                    [text(argument, "abstract"), text(argument, "discussion")].filter { !$0.isEmpty }.joined(
                        separator: " ")
                ])
        }
    }

    private static func isRoot(_ command: JSONNode) -> Bool { (command["superCommands"]?.elements ?? []).isEmpty }
}
