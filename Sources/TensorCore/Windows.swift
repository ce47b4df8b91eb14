internal import CKernels

/// A rectangle of pixels.
public struct Window: Sendable, Hashable {
    public var rows: Range<Int>
    public var columns: Range<Int>

    public init(rows: Range<Int>, columns: Range<Int>) {
        self.rows = rows
        self.columns = columns
    }

    func fits(_ shape: Shape) -> Bool {
        shape.rank == 4 && rows.lowerBound >= 0 && rows.upperBound <= shape[1] && columns.lowerBound >= 0
            && columns.upperBound <= shape[2]
    }
}

extension Tensor {
    /// The pixels of images (N, H, W, C) in a window: (N, h, w, C), off the tape.
    public func window(_ window: Window) -> Tensor {
        precondition(window.fits(shape), "the window \(window) is outside \(shape)")
        let size: Shape = [shape[0], window.rows.count, window.columns.count, shape[3]]
        let result = Tensor(uninitialized: size, on: device)
        let whole = Window(rows: 0..<size[1], columns: 0..<size[2])
        Tensor.copyPixels(from: (self, window), to: (result, whole))
        return result
    }

    /// Images (N, H, W, C) that are computed part by part, off the tape.
    ///
    /// - Parameter compute: a part (N, h, w, C), a window of it, and the window that its pixels take here. All of these together
    ///   cover every pixel.
    public init<Part>(
        shape: Shape, on device: Device, assembling parts: [Part],
        _ compute: (Part) throws -> (part: Tensor, from: Window, to: Window)
    ) rethrows {
        self.init(uninitialized: shape, on: device)
        for part in parts {
            let (part, source, target) = try compute(part)
            precondition(
                target.fits(shape) && source.fits(part.shape) && part.shape[0] == shape[0] && part.shape[3] == shape[3]
                    && source.rows.count == target.rows.count && source.columns.count == target.columns.count,
                "the window \(source) of \(part.shape) does not fill the window \(target) of \(shape)")
            Tensor.copyPixels(from: (part, source), to: (self, target))
        }
    }

    private static func copyPixels(from source: (Tensor, Window), to target: (Tensor, Window)) {
        let channels = source.0.shape[3]
        let rows = source.1.rows.count
        let columns = source.1.columns.count * channels
        /// Where a row of a window begins.
        func row(_ place: (tensor: Tensor, window: Window), _ index: Int) -> UnsafeMutablePointer<Float> {
            let line = index / rows * place.tensor.shape[1] + place.window.rows.lowerBound + index % rows
            return place.tensor.pointer + (line * place.tensor.shape[2] + place.window.columns.lowerBound) * channels
        }
        source.0.device.forEachRun(ofRows: source.0.shape[0] * rows, columns: columns) { range in
            for index in range { ck_copy_rows(row(target, index), columns, row(source, index), columns, 1, columns) }
        }
    }
}
