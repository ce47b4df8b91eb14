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
    private var rows: [[Cell]] = []

    package init(_ columns: [(title: String, alignment: Alignment)]) {
        header = columns.map(\.title)
        alignment = columns.map(\.alignment)
    }

    package mutating func add(_ row: [Cell]) {
        precondition(row.count == header.count, "a row has a cell for each column")
        rows.append(row)
    }

    /// Two spaces between columns. Columns that are empty in every row are left out. Where the style has a width, the last
    /// column is cut off there, with an ellipsis.
    package func render(_ style: Style) -> String {
        let kept = header.indices.filter { column in rows.contains { !$0[column].text.isEmpty } }
        guard let last = kept.last else { return "" }
        let widths = header.indices.map { column in
            rows.reduce(header[column].count) { max($0, $1[column].text.count) }
        }
        let room = style.width.map { max(10, $0 - kept.dropLast().reduce(0) { $0 + widths[$1] + 2 }) }

        return ([header.map { Cell($0) }] + rows).map { row in
            let cells = kept.map { column in
                var text = row[column].text
                if column == last, let room, text.count > room { text = text.prefix(room - 1) + "…" }
                let padding = String(repeating: " ", count: max(0, widths[column] - text.count))
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
