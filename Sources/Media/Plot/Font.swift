internal import CCairo
internal import Glibc

/// DejaVu Sans at one size. Text is drawn by its outlines, without hints or settings of the machine, so that it looks
/// the same everywhere and at every angle.
///
/// The file is that of Debian's fonts-dejavu-core; where it is missing, fontconfig chooses a font. It is not asked
/// otherwise, as it would read its configuration and a cache, which a worker may not.
final class Font {
    private static let file = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"

    /// Height of an em in pixels.
    let size: Double
    private let scaled: OpaquePointer

    init(size: Double) {
        self.size = size
        let face = Self.face()
        let options: OpaquePointer = cairo_font_options_create()
        defer {
            cairo_font_face_destroy(face)
            cairo_font_options_destroy(options)
        }
        cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE)
        cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF)
        var (scale, identity) = (cairo_matrix_t(), cairo_matrix_t())
        cairo_matrix_init_scale(&scale, size, size)
        cairo_matrix_init_identity(&identity)
        scaled = cairo_scaled_font_create(face, &scale, &identity, options)
    }

    deinit { cairo_scaled_font_destroy(scaled) }

    private static func face() -> OpaquePointer {
        guard access(file, R_OK) == 0, let pattern = FcPatternCreate() else {
            return cairo_toy_font_face_create("DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL)
        }
        defer { FcPatternDestroy(pattern) }
        FcPatternAddString(pattern, FC_FILE, file)
        return cairo_ft_font_face_create_for_pattern(pattern)
    }

    /// Height of a capital in pixels.
    var capitalHeight: Double { 0.729 * size }

    /// Length of a line of text in pixels.
    func length(of text: String) -> Double {
        var extents = cairo_text_extents_t()
        cairo_scaled_font_text_extents(scaled, Self.drawable(text), &extents)
        return extents.x_advance
    }

    /// The text, or what of its beginning fits within `length` pixels together with an ellipsis.
    func fitted(_ text: String, within length: Double) -> String {
        guard self.length(of: text) > length else { return text }
        var kept = text[...]
        while !kept.isEmpty {
            let found = self.length(of: kept + "…")
            if found <= length { break }
            kept = kept.prefix(min(kept.count - 1, Int(Double(kept.count) * max(length, 0) / found)))
        }
        return kept + "…"
    }

    func addPath(of text: String, to context: OpaquePointer) {
        cairo_set_scaled_font(context, scaled)
        cairo_text_path(context, Self.drawable(text))
    }

    /// The text as cairo takes it: it would end at a zero, and a code point that is no character would be an error.
    private static func drawable(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
            let properties = scalar.properties
            if properties.isWhitespace { return " " }
            return properties.generalCategory == .control || properties.isNoncharacterCodePoint ? "\u{FFFD}" : scalar
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
