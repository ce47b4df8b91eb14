import Foundation
import StrictJSON

/// Names of jobs: they become names of directories and of published models, and are typed in shells.
///
/// Letters of any script, in Unicode's composed form (NFC): one spelling, one name.
public enum JobName {
    /// Longest name in bytes.
    public static let maximumLength = 64

    /// Letters, digits, marks on letters, `.`, `_` and `-`, beginning with a letter or digit; not digits alone, which
    /// would be an id.
    public static func isValid(_ name: String) -> Bool { fault(name) == nil }

    /// The form in which names are kept and compared.
    public static func composed(_ name: String) -> String { name.precomposedStringWithCanonicalMapping }

    static func fault(_ name: String) -> (message: String, remedy: String)? {
        let scalars = name.unicodeScalars
        guard let first = scalars.first, isLetterOrDigit(first), scalars.allSatisfy(isAllowed) else {
            return (
                "is \"\(name.prefix(80))\", which no job can be called",
                "Use letters, digits, '.', '_' and '-', beginning with a letter or digit."
            )
        }
        let length = composed(name).utf8.count
        if length > maximumLength { return ("has \(length) bytes, more than \(maximumLength)", "Shorten it.") }
        if name.utf8.allSatisfy(isDigit) { return ("is \(name), which would be taken for a job's id", "Add a letter.") }
        return nil
    }

    private static let pattern =
        "^(?![0-9]+$)[^\\u0000-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u00a9]"
        + "[^\\u0000-\\u002c\\u002f\\u003a-\\u0040\\u005b-\\u005e\\u0060\\u007b-\\u00a9]*$"

    static let form = Form<String>(
        // Of other scripts it allows every character, and of the length it counts characters, not bytes.
        schema: [
            "type": "string", "minLength": 1, "maxLength": JSONNode(.integer(maximumLength)),
            "pattern": JSONNode(.string(pattern)),
        ],
        read: { node, path, report in
            guard let name = node.string else { return report.mismatch(node, path, "a string") }
            guard let (message, remedy) = fault(name) else { return composed(name) }
            report.add("\(path.name) \(message)", remedy: remedy, at: path, node.place)
            return nil
        }, write: { JSONNode(.string($0)) })

    /// The name of a job that does not name itself: its file's name. Where that holds what a name cannot, or is too
    /// long, the rest is
    /// followed by eight digits of a checksum of the whole, so that two files never give one name.
    public static func from(fileName: String) -> String {
        let stem = composed(fileName.hasSuffix(".json") ? String(fileName.dropLast(5)) : fileName)
        if isValid(stem) { return stem }
        let digits = String(checksum(stem), radix: 16)
        let tail = "-" + String(repeating: "0", count: 8 - digits.count) + digits
        var name = ""
        for character in stem {
            let next =
                character.unicodeScalars.allSatisfy(isAllowed) && !isLoneMark(character) ? String(character) : "-"
            guard name.utf8.count + next.utf8.count <= maximumLength - 4 - tail.utf8.count else { break }
            name += next
        }
        let plain = composed(name) + tail
        return isValid(plain) ? plain : "job-" + plain
    }

    /// FNV-1a of 32 bits.
    private static func checksum(_ text: String) -> UInt32 {
        text.utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32(clamping: $1)) &* 0x0100_0193 }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isLoneMark(_ character: Character) -> Bool {
        character.unicodeScalars.first.map { !isLetterOrDigit($0) && !"._-".unicodeScalars.contains($0) } ?? true
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        if isLetterOrDigit(scalar) || "._-".unicodeScalars.contains(scalar) { return true }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark: return true
        default: return false
        }
    }

    private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber:
            // Letters that cannot be seen, such as Hangul's fillers, and those that are others' compatibility forms are
            // none in names.
            return !scalar.properties.isDefaultIgnorableCodePoint
        default: return false
        }
    }
}
