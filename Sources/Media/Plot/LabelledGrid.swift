extension Image {
    /// Images of one size as a table: columns and rows with a label each, and what the labels are values of.
    ///
    /// - Parameters:
    ///   - images: row by row, as many as there are labels of columns times labels of rows.
    ///   - columns: the name and the values of what differs between columns.
    ///   - rows: the same for rows; nil for a single row.
    public static func grid(
        _ images: [Image], columns: (name: String, values: [String]), rows: (name: String, values: [String])?
    ) throws -> Image {
        let count = columns.values.count
        precondition(images.count == count * (rows?.values.count ?? 1), "an image for each pair of labels")
        let (width, height) = (images[0].width, images[0].height)
        let font = Font(size: 14)
        let columnName = try label(columns.name, font)
        let line = columnName.height
        // Images smaller than a line of text stand so far apart that their labels do not overlap.
        let padding = max(4, line - width, rows == nil ? 0 : line - height)
        let cells = grid(images, columns: count, padding: padding)
        var columnLabels = try columns.values.map { try label($0, font) }
        // Labels wider than their images are turned upright.
        if columnLabels.contains(where: { $0.width > width }) {
            columnLabels = try columns.values.map { try label($0, font, upwards: true) }
        }
        let rowName = try rows.map { try label($0.name, font, upwards: true) }
        let rowLabels = try rows?.values.map { try label($0, font) } ?? []

        let top = line + (columnLabels.map(\.height).max() ?? 0)
        let left = rows == nil ? 0 : line + (rowLabels.map(\.width).max() ?? 0)
        var sheet = Collage(
            width: max(left + cells.width, columnName.width), height: max(top + cells.height, rowName?.height ?? 0),
            channels: 3)
        sheet.place(cells, left: left, top: top)
        sheet.place(columnName, left: min(left, sheet.width - columnName.width), top: 0)
        for (i, label) in columnLabels.enumerated() {
            let middle = left + padding + i * (width + padding) + width / 2
            sheet.place(label, left: middle - label.width / 2, top: top - label.height)
        }
        if let rowName {
            let middle = top + cells.height / 2
            sheet.place(rowName, left: 0, top: min(max(middle - rowName.height / 2, 0), sheet.height - rowName.height))
        }
        for (i, label) in rowLabels.enumerated() {
            let middle = top + padding + i * (height + padding) + height / 2
            sheet.place(label, left: left - label.width, top: middle - label.height / 2)
        }
        return sheet.image
    }

    /// A line of text with a little room around it; a long one loses its end.
    private static func label(_ text: String, _ font: Font, upwards: Bool = false) throws -> Image {
        let text = font.fitted(text, within: 600)
        let (length, height) = (Int(font.length(of: text).rounded(.up)) + 8, Int(1.4 * font.size))
        let baseline = Double(height) / 2 + font.capitalHeight / 2
        return try Canvas.image(width: upwards ? height : length, height: upwards ? length : height) {
            let start = upwards ? Point(baseline, Double(length) - 4) : Point(4, baseline)
            $0.text(text, at: start, font, upwards: upwards)
        }
    }
}
