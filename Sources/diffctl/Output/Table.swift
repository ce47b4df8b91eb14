/// Text in aligned columns, for people.
package struct Table: Sendable {
    package enum Alignment: Sendable { case left, right }

    package struct Cell: Sendable, ExpressibleByStringLiteral {
        package var text: String
        package var color: Style.Color?

        package init(_ text: String, _ color: Style.Color? = nil) {
            self.text = printable(text)
            self.color = color
        }

        package init(stringLiteral value: String) { self.init(value) }
    }

    private var header: [String]
    private var alignment: [Alignment]
    private let worth: [Int]
    private var rows: [[Cell]] = []

    /// - Parameter worth: by column; where the terminal is too narrow, those of the least give way first. Those of 0, and all where none is
    ///   given, stay.
    package init(_ columns: [(title: String, alignment: Alignment)], worth: [Int]? = nil) {
        header = columns.map(\.title)
        alignment = columns.map(\.alignment)
        self.worth = worth ?? columns.map { _ in 0 }
        precondition(self.worth.count == header.count, "a worth for each column")
    }

    package mutating func add(_ row: [Cell]) {
        precondition(row.count == header.count, "a row has a cell for each column")
        rows.append(row)
    }

    /// A narrow terminal leaves so many of its columns to the last of the table, if its texts are that long.
    private static let lastShare = (part: 4, least: 16)
    /// Before a column gives way, texts are cut to so much of the width.
    private static let nameShare = (part: 5, least: 12)
    /// A text is not cut to less.
    private static let leastText = 8

    /// Two spaces between columns. Columns that are empty in every row are left out. Where the style has a width, columns give way by
    /// their worth until the last has room, then the longest texts are cut off with an ellipsis: no line is wider.
    package func render(_ style: Style) -> String {
        var kept = header.indices.filter { column in rows.contains { !$0[column].text.isEmpty } }
        guard let last = kept.last else { return "" }
        var widths = header.indices.map { column in
            rows.reduce(header[column].terminalWidth) { max($0, $1[column].text.terminalWidth) }
        }
        if let width = style.width {
            let wanted = min(widths[last], max(Self.lastShare.least, width / Self.lastShare.part))
            var surplus: Int { kept.dropLast().reduce(wanted) { $0 + widths[$1] + 2 } - width }
            for text in kept.dropLast() where alignment[text] == .left && surplus > 0 {
                widths[text] = min(
                    widths[text], max(Self.nameShare.least, width / Self.nameShare.part, widths[text] - surplus))
            }
            while surplus > 0, let least = kept.dropLast().filter({ worth[$0] > 0 }).min(by: { worth[$0] < worth[$1] })
            {
                kept.removeAll { $0 == least }
            }
            while surplus > 0, let longest = kept.dropLast().max(by: { widths[$0] < widths[$1] }),
                widths[longest] > Self.leastText
            {
                widths[longest] = max(Self.leastText, widths[longest] - surplus)
            }
            widths[last] = max(1, width - kept.dropLast().reduce(0) { $0 + widths[$1] + 2 })
        }

        return ([header.map { Cell($0) }] + rows).map { row in
            let cells = kept.map { column in
                let text = row[column].text.cut(toTerminalWidth: widths[column])
                let padding = String(repeating: " ", count: max(0, widths[column] - text.terminalWidth))
                let painted = style.paint(text, row[column].color)
                switch alignment[column] {
                case .left: return column == last ? painted : painted + padding
                case .right: return padding + painted
                }
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }
}

extension String {
    /// The columns that a terminal takes for it: two for each wide character of East Asia, and for pictographs.
    package var terminalWidth: Int { reduce(0) { $0 + $1.terminalWidth } }

    /// The text, cut off with an ellipsis where it is wider.
    package func cut(toTerminalWidth limit: Int) -> String {
        guard terminalWidth > limit else { return self }
        var width = 1
        let kept = prefix { character in
            width += character.terminalWidth
            return width <= limit
        }
        return kept + "…"
    }
}

extension Character {
    /// Unicode's East_Asian_Width W and F, by blocks.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
        0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
        0x20000...0x3FFFD,
    ]

    fileprivate var terminalWidth: Int {
        guard let first = unicodeScalars.first else { return 0 }
        return Self.wide.contains { $0.contains(first.value) } ? 2 : 1
    }
}
