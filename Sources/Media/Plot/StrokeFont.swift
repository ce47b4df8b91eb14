/// A small font of our own, drawn with a pen, so that plots need no font file.
///
/// A glyph is a few strokes; a stroke is a row of places, each two digits: x, then y upwards. The baseline is y = 2, small letters
/// reach 7, capitals and digits 9, descenders 0.
enum StrokeFont {
    private static let glyphs: [Character: String] = [
        "0": "190803123243483919", "1": "072922 0242", "2": "08193948460242", "3": "08193948473616 364543321203",
        "4": "32390444", "5": "490906364543321203", "6": "483919080312324345361605", "7": "094912",
        "8": "190807163647483919 1605031232434536", "9": "031232434839190806153546",
        "A": "022942 1434", "B": "02093948473606 3645433202", "C": "4839190803123243", "D": "02092947442202",
        "E": "49090242 0636", "F": "490902 0636", "G": "48391908031232434525", "H": "0902 4942 0646",
        "I": "0929 1912 0222", "J": "4943321203", "K": "0902 490542", "L": "090242", "M": "0209356962", "N": "02094249",
        "O": "190803124253584919", "P": "02093948463505", "Q": "190803124253584919 3451", "R": "02093948463505 2542",
        "S": "483919080716364543321203", "T": "0949 2922", "U": "090312324349", "V": "092249", "W": "0912375269",
        "X": "0942 0249", "Y": "092549 2522", "Z": "09490242",
        "a": "4742 4637170603123243", "b": "0902 0617374643321203", "c": "4637170603123243",
        "d": "4942 4637170603123243", "e": "05454637170603123243", "f": "39291812 0727",
        "g": "4741301001 4637170603123243", "h": "0902 0617374642", "i": "0702 0909", "j": "171100 1919",
        "k": "0902 370432", "l": "090312", "m": "0702 0617273632 3647576662", "n": "0702 0617374642",
        "o": "170603123243463717", "p": "0700 0617374643321203", "q": "4740 4637170603123243", "r": "0702 052737",
        "s": "46371706153443321203", "t": "19132232 0727", "u": "0703123243 4742", "v": "072247", "w": "0712365267",
        "x": "0742 0247", "y": "0722 4710", "z": "07470242",
        " ": "", ".": "0202", ",": "121100", ":": "0606 0303", ";": "1616 121100", "-": "0535", "+": "0545 2723",
        "=": "0646 0444", "/": "0149", "(": "19070412", ")": "09171402", "[": "19090212", "]": "09191202", "_": "0141",
        "%": "0249 0919180809 3343423233", "'": "0907", "|": "0901", "<": "470543", ">": "074503",
        "*": "2723 0644 0446", "#": "1219 3239 0444 0747", "?": "08193948472524 2222", "!": "0904 0202",
    ]
    /// For a character that has no glyph: an empty box.
    private static let unknown = "0209494202"

    static let capitalHeight = 7.0
    /// Between two glyphs.
    private static let gap = 2.4

    /// A line of text as strokes on the font's grid, from x = 0 with the baseline at y = 0, and its length.
    static func strokes(_ text: String) -> (strokes: [[Point]], width: Double) {
        var strokes: [[Point]] = []
        var pen = 0.0
        for character in text {
            let glyph = (glyphs[character] ?? unknown).split(separator: " ").map { stroke in
                let digits = stroke.compactMap(\.wholeNumberValue)
                return Swift.stride(from: 0, to: digits.count - 1, by: 2).map {
                    Point(Double(digits[$0]), Double(digits[$0 + 1]) - 2)
                }
            }
            strokes += glyph.map { $0.map { Point($0.x + pen, $0.y) } }
            pen += (glyph.joined().map(\.x).max() ?? 1) + gap
        }
        return (strokes, max(pen - gap, 0))
    }
}

extension Canvas {
    enum Anchor: Double {
        case start = 0
        case middle = 0.5
        case end = 1
    }

    /// How long a line of text is in pixels.
    static func length(of text: String, size: Double) -> Double {
        StrokeFont.strokes(text).width * size / StrokeFont.capitalHeight
    }

    /// One line of text whose capitals are `size` pixels high; `place` is on its baseline. `upwards` turns it to be read from below.
    mutating func text(
        _ text: String, at place: Point, size: Double, anchor: Anchor = .start, upwards: Bool = false,
        weight: Double = 0.16, _ colour: Colour = .ink
    ) {
        let scale = size / StrokeFont.capitalHeight
        let (strokes, width) = StrokeFont.strokes(text)
        let shift = -anchor.rawValue * width
        for stroke in strokes {
            let points = stroke.map { point in
                let (along, above) = ((point.x + shift) * scale, point.y * scale)
                return upwards ? Point(place.x - above, place.y - along) : Point(place.x + along, place.y - above)
            }
            polyline(points, width: max(size * weight, 1), colour)
        }
    }
}
