/// A manual page in the macros of man(7).
struct Roff {
    private(set) var text: String

    /// - Parameter section: of the manual: 1 for commands, 5 for files, 8 for daemons.
    init(title: String, section: Int, version: String) {
        text =
            ".\\\" Generated; to be changed in the descriptions of the fields and options that it is made from.\n"
            + ".TH \(Self.quoted(title)) \(section) \"\" \(Self.quoted("diffd " + version)) \"diffd\"\n"
    }

    mutating func section(_ heading: String) { text += ".SH \(Self.quoted(heading))\n" }

    mutating func subsection(_ heading: String) { text += ".SS \(Self.quoted(heading))\n" }

    /// Paragraphs, parted by empty lines.
    mutating func paragraphs(_ content: String) {
        for paragraph in content.split(separator: "\n\n") { text += ".PP\n\(Self.escaped(String(paragraph)))\n" }
    }

    /// A term and what is said of it. The parts of the term between asterisks are bold.
    mutating func item(_ term: String, _ lines: [String]) {
        text += ".TP\n\(Self.emphasized(term))\n"
        text += lines.filter { !$0.isEmpty }.map(Self.escaped).joined(separator: "\n.br\n") + "\n"
    }

    /// Lines as they are.
    mutating func verbatim(_ content: String) {
        text += ".PP\n.nf\n.RS 4\n\(Self.escaped(content))\n.RE\n.fi\n"
    }

    /// Plain text: no character of it is taken for a request or an escape, and hyphens stay what they are.
    static func escaped(_ text: String) -> String {
        let lines = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
            .split(separator: "\n", omittingEmptySubsequences: false)
        return lines.map { $0.hasPrefix(".") || $0.hasPrefix("'") ? "\\&" + $0 : String($0) }.joined(separator: "\n")
    }

    private static func emphasized(_ text: String) -> String {
        let parts = text.split(separator: "*", omittingEmptySubsequences: false).map { escaped(String($0)) }
        return parts.enumerated().map { $0.offset % 2 == 1 ? "\\fB\($0.element)\\fR" : $0.element }.joined()
    }

    private static func quoted(_ text: String) -> String {
        "\"\(escaped(text).replacing("\"", with: "\\(dq"))\""
    }
}
