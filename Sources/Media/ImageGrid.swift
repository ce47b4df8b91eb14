extension Image {
    /// Images of one size side by side, row by row, with `padding` pixels of `background` around and between them: at 8
    /// bits, RGB when any of them is. `columns` defaults to the squarest arrangement.
    public static func grid(_ images: [Image], columns: Int? = nil, padding: Int = 2, background: UInt8 = 255) -> Image
    {
        precondition(!images.isEmpty && padding >= 0, "a grid has cells")
        let (width, height) = (images[0].width, images[0].height)
        precondition(images.allSatisfy { $0.width == width && $0.height == height }, "cells have one size")
        let columns = max(1, min(columns ?? Int(Double(images.count).squareRoot().rounded(.up)), images.count))
        let rows = (images.count + columns - 1) / columns
        let channels = images.contains { $0.channels >= 3 } ? 3 : 1
        var sheet = Collage(
            width: columns * (width + padding) + padding, height: rows * (height + padding) + padding,
            channels: channels, background: background)
        for (index, image) in images.enumerated() {
            let (row, column) = index.quotientAndRemainder(dividingBy: columns)
            sheet.place(
                image, left: column * (width + padding) + padding, top: row * (height + padding) + padding)
        }
        return sheet.image
    }
}
