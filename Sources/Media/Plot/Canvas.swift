internal import CCairo
internal import Problems

/// A white sheet to draw on, through cairo. Positions are in pixels from the top left corner; the centre of a pixel
/// lies at half its side.
///
/// What is drawn becomes an image or a vector graphic. After an error, such as a lack of memory, cairo ignores what
/// follows; the error is thrown at the end.
final class Canvas {
    let width: Int
    let height: Int
    private let surface: OpaquePointer
    private let context: OpaquePointer

    /// Takes over the surface.
    private init(_ surface: OpaquePointer, width: Int, height: Int) {
        self.width = width
        self.height = height
        self.surface = surface
        context = cairo_create(surface)
        cairo_set_line_cap(context, CAIRO_LINE_CAP_ROUND)
        cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND)
        fill(Frame(left: 0, top: 0, right: Double(width), bottom: Double(height)), .white)
    }

    deinit {
        cairo_destroy(context)
        cairo_surface_destroy(surface)
    }

    // MARK: - Results

    /// What `draw` draws, as an 8-bit RGB image.
    ///
    /// - Throws: a `Problem`: `internal` for what cairo cannot draw, such as an image of more than 32767 pixels a side.
    static func image(width: Int, height: Int, _ draw: (Canvas) -> Void) throws -> Image {
        let surface: OpaquePointer = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width), Int32(height))
        let canvas = Canvas(surface, width: width, height: height)
        draw(canvas)
        cairo_surface_flush(surface)
        try canvas.check()
        // 0x..RRGGBB, each a number of the machine's byte order.
        let size = width * height * 4
        let pixels = UnsafeRawBufferPointer(start: cairo_image_surface_get_data(surface), count: size)
        let bytes = pixels.bindMemory(to: UInt32.self).reduce(into: [UInt8]()) { bytes, pixel in
            for shift in stride(from: 16, through: 0, by: -8) { bytes.append(UInt8(pixel >> shift & 0xFF)) }
        }
        return Image(width: width, height: height, channels: 3, bytes: bytes)
    }

    /// What `draw` draws, as the bytes of an SVG 1.1 file. Text is in it as outlines, which need no font where it is
    /// shown.
    static func svg(width: Int, height: Int, _ draw: (Canvas) -> Void) throws -> [UInt8] {
        final class Output { var bytes: [UInt8] = [] }
        let output = Output()
        let surface: OpaquePointer = cairo_svg_surface_create_for_stream(
            { output, data, count in
                let output = output.map { Unmanaged<Output>.fromOpaque($0).takeUnretainedValue() }
                output?.bytes.append(contentsOf: UnsafeBufferPointer(start: data, count: Int(count)))
                return CAIRO_STATUS_SUCCESS
            }, Unmanaged.passUnretained(output).toOpaque(), Double(width), Double(height))
        cairo_svg_surface_restrict_to_version(surface, CAIRO_SVG_VERSION_1_1)
        cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX)
        let canvas = Canvas(surface, width: width, height: height)
        draw(canvas)
        cairo_surface_finish(surface)
        try canvas.check()
        // cairo numbers the surfaces of a process, so that the same drawing would get other bytes each time.
        let quote = UInt8(ascii: "\"")
        if let id = output.bytes.firstRange(of: Array(" id=\"surface".utf8)),
            let end = output.bytes[id.upperBound...].firstIndex(of: quote)
        {
            output.bytes.removeSubrange(id.lowerBound...end)
        }
        return output.bytes
    }

    private func check() throws {
        for status in [cairo_status(context), cairo_surface_status(surface)] where status != CAIRO_STATUS_SUCCESS {
            throw Problem(.internal, "a plot cannot be drawn", cause: String(cString: cairo_status_to_string(status)))
        }
    }

    // MARK: - Drawing

    /// A rectangle in pixels.
    struct Frame {
        var left: Double
        var top: Double
        var right: Double
        var bottom: Double

        var width: Double { right - left }
        var height: Double { bottom - top }
    }

    /// Draws only what lies within a rectangle.
    func clipped(to frame: Frame, _ draw: () -> Void) {
        cairo_save(context)
        cairo_rectangle(context, frame.left, frame.top, frame.width, frame.height)
        cairo_clip(context)
        draw()
        cairo_restore(context)
    }

    func fill(_ frame: Frame, _ colour: Colour, opacity: Double = 1) {
        cairo_rectangle(context, frame.left, frame.top, frame.width, frame.height)
        fill(colour, opacity)
    }

    /// The outline of a rectangle; its sides are the line's middle.
    func outline(_ frame: Frame, width: Double, _ colour: Colour) {
        cairo_rectangle(context, frame.left, frame.top, frame.width, frame.height)
        stroke(width, colour, 1)
    }

    func disc(_ centre: Point, radius: Double, _ colour: Colour, opacity: Double = 1) {
        guard Self.isWithinReach(centre) else { return }
        cairo_arc(context, centre.x, centre.y, radius, 0, 2 * .pi)
        fill(colour, opacity)
    }

    /// A line through `points` with round ends and joints, covering each pixel once however often it crosses itself. A
    /// point that is not finite, or is too far away to be computed with, interrupts it.
    func polyline(_ points: [Point], width: Double, _ colour: Colour, opacity: Double = 1) {
        for run in points.split(whereSeparator: { !Self.isWithinReach($0) }) {
            cairo_new_sub_path(context)
            for point in run { cairo_line_to(context, point.x, point.y) }
            // A line of one point is a dot.
            if run.count == 1 { cairo_close_path(context) }
        }
        stroke(width, colour, opacity)
    }

    /// Which part of a text lies at its position.
    enum Anchor: Double {
        case start = 0
        case middle = 0.5
        case end = 1
    }

    /// One line of text; `position` is on its baseline. `upwards` turns it by a quarter, to run from below to above.
    func text(
        _ text: String, at position: Point, _ font: Font, anchor: Anchor = .start, upwards: Bool = false,
        _ colour: Colour = .ink
    ) {
        cairo_save(context)
        cairo_translate(context, position.x, position.y)
        if upwards { cairo_rotate(context, -.pi / 2) }
        cairo_move_to(context, -anchor.rawValue * font.length(of: text), 0)
        font.addPath(of: text, to: context)
        fill(colour, 1)
        cairo_restore(context)
    }

    private func fill(_ colour: Colour, _ opacity: Double) {
        set(colour, opacity)
        cairo_fill(context)
    }

    private func stroke(_ width: Double, _ colour: Colour, _ opacity: Double) {
        set(colour, opacity)
        cairo_set_line_width(context, width)
        cairo_stroke(context)
    }

    private func set(_ colour: Colour, _ opacity: Double) {
        cairo_set_source_rgba(context, Double(colour.red), Double(colour.green), Double(colour.blue), opacity)
    }

    /// cairo computes with 24 bits before the point.
    private static func isWithinReach(_ point: Point) -> Bool { abs(point.x) < 1e6 && abs(point.y) < 1e6 }
}
