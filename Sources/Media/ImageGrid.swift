extension Image {
    /// Pictures of one size side by side, row by row, with `padding` pixels of `background` around and between them: at 8 bits,
    /// RGB when any of them is. `columns` defaults to the squarest arrangement.
    public static func grid(_ images: [Image], columns: Int? = nil, padding: Int = 2, background: UInt8 = 255) -> Image
    {
        precondition(!images.isEmpty && padding >= 0, "a grid has cells")
        let (width, height) = (images[0].width, images[0].height)
        precondition(images.allSatisfy { $0.width == width && $0.height == height }, "cells have one size")
        let columns = max(1, min(columns ?? Int(Double(images.count).squareRoot().rounded(.up)), images.count))
        let rows = (images.count + columns - 1) / columns
        let channels = images.contains { $0.channels >= 3 } ? 3 : 1
        let gridWidth = columns * (width + padding) + padding
        let gridHeight = rows * (height + padding) + padding
        var bytes = [UInt8](repeating: background, count: gridWidth * gridHeight * channels)
        for (index, image) in images.enumerated() {
            let cell = image.converted(toChannels: channels).bytes
            let left = (index % columns) * (width + padding) + padding
            let top = (index / columns) * (height + padding) + padding
            for row in 0..<height {
                let from = row * width * channels
                let to = ((top + row) * gridWidth + left) * channels
                bytes.replaceSubrange(to..<to + width * channels, with: cell[from..<from + width * channels])
            }
        }
        return Image(width: gridWidth, height: gridHeight, channels: channels, bytes: bytes)
    }
}
