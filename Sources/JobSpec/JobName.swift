import StrictJSON

/// Names of jobs: they become names of directories and of published models, and are typed in shells.
public enum JobName {
    /// Longest name in bytes.
    public static let maximumLength = 64

    /// Letters, digits, `.`, `_` and `-`, beginning with a letter or digit; not digits alone, which would be an id.
    public static func isValid(_ name: String) -> Bool { fault(name) == nil }

    static func fault(_ name: String) -> (message: String, remedy: String)? {
        let bytes = Array(name.utf8)
        guard let first = bytes.first, isAlphanumeric(first),
            bytes.allSatisfy({ isAlphanumeric($0) || "._-".utf8.contains($0) })
        else {
            return (
                "is \"\(name.prefix(80))\", which no job can be called",
                "Use letters, digits, '.', '_' and '-', beginning with a letter or digit."
            )
        }
        if bytes.count > maximumLength { return ("is longer than \(maximumLength) bytes", "Shorten it.") }
        if bytes.allSatisfy(isDigit) { return ("is \(name), which would be taken for a job's id", "Add a letter.") }
        return nil
    }

    static let form = Form<String>.string(limit: 4096).refined(fault)

    /// The name of a job that does not name itself: its file's name, with what a name cannot hold replaced by `-`.
    public static func from(fileName: String) -> String {
        let stem = fileName.hasSuffix(".json") ? fileName.dropLast(5) : fileName[...]
        let bytes = stem.utf8.prefix(maximumLength - 4).map { byte in
            isAlphanumeric(byte) || "._-".utf8.contains(byte) ? byte : UInt8(ascii: "-")
        }
        let name = String(decoding: bytes, as: UTF8.self)
        return isValid(name) ? name : "job-" + name
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x61...0x7A).contains(byte | 0x20)
    }
}
