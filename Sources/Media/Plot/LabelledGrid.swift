extension Image {
    /// Pictures of one size as a table: columns and rows with a label each, and what the labels are values of.
    ///
    /// - Parameters:
    ///   - images: row by row, as many as there are labels of columns times labels of rows.
    ///   - columns: the name and the values of what differs between columns.
    ///   - rows: the same for rows; nil for a single row.
    public static func grid(
        _ images: [Image], columns: (name: String, values: [String]), rows: (name: String, values: [String])?
    ) -> Image {
        let padding = 4
        let count = columns.values.count
        precondition(images.count == count * (rows?.values.count ?? 1), "a picture for each pair of labels")
        let (size, line) = (12.0, 22)
        let cells = grid(images, columns: count, padding: padding)
        let cell = (width: images[0].width + padding, height: images[0].height + padding)
        let longest = (columns.values.map { Canvas.length(of: $0, size: size) }.max() ?? 0) + Double(2 * padding)
        // Labels wider than their pictures are turned upright.
        let isUpright = longest > Double(cell.width)
        let top = line + (isUpright ? Int(longest) + padding : line)
        let widest = rows?.values.map { Canvas.length(of: $0, size: size) }.max() ?? 0
        let left = rows == nil ? padding : line + Int(widest) + 3 * padding
        let title = Int(Canvas.length(of: columns.name, size: size)) + 2 * padding
        let side = rows.map { Int(Canvas.length(of: $0.name, size: size)) + 2 * padding } ?? 0
        let (width, height) = (max(left + cells.width, title), max(top + cells.height, side))

        var canvas = Canvas(width: width, height: height)
        canvas.text(
            columns.name, at: Point(Double(max(padding, min(left, width - title))), Double(line) - 6), size: size)
        for (i, label) in columns.values.enumerated() {
            let middle = Double(left + padding + i * cell.width) + Double(cell.width - padding) / 2
            if isUpright {
                canvas.text(label, at: Point(middle + size / 2, Double(top) - 4), size: size, upwards: true)
            } else {
                canvas.text(label, at: Point(middle, Double(top) - 6), size: size, anchor: .middle)
            }
        }
        if let rows {
            let centre = Double(top) + Double(cells.height) / 2
            canvas.text(
                rows.name, at: Point(Double(line) - 6, max(centre, Double(side) / 2)), size: size, anchor: .middle,
                upwards: true)
            for (i, label) in rows.values.enumerated() {
                let middle = Double(top + padding + i * cell.height) + Double(cell.height - padding) / 2
                canvas.text(label, at: Point(Double(left - padding), middle + size / 2), size: size, anchor: .end)
            }
        }
        var bytes = canvas.image.bytes
        let colours = cells.converted(toChannels: 3).bytes
        for row in 0..<cells.height {
            let to = ((top + row) * width + left) * 3
            bytes.replaceSubrange(
                to..<to + cells.width * 3, with: colours[row * cells.width * 3..<(row + 1) * cells.width * 3])
        }
        return Image(width: width, height: height, channels: 3, bytes: bytes)
    }
}
