/// What came with a job in a dropped directory, as it was when it was taken in, and what has come later.
public struct TakenInputs: Sendable, Codable, Hashable {
    /// Of files, at any depth.
    public var files: Int
    public var bytes: Int
    /// How many files lie in each directory, by its path in the drop (`pics/cats`); `.` is the drop itself. The first
    /// `folderLimit` of them.
    public var folders: [String: Int]
    /// Names below the drop that were written after it had been taken in, the first `laterLimit` of them, and how many
    /// there were.
    public var later: [String]
    public var laterCount: Int

    public static let folderLimit = 200
    public static let laterLimit = 20

    enum CodingKeys: String, CodingKey {
        case files, bytes, folders, later
        case laterCount = "later_count"
    }

    public init(files: Int = 0, bytes: Int = 0, folders: [String: Int] = [:]) {
        self.files = files
        self.bytes = bytes
        self.folders = folders
        later = []
        laterCount = 0
    }

    /// `31 files, 4,096 bytes (pics/cats: 16, pics/dogs: 14)`.
    public var text: String {
        let places = folders.sorted { $0.key < $1.key }.filter { $0.key != "." }
        let shown = places.prefix(10).map { "\($0.key): \($0.value)" } + (places.count > 10 ? ["..."] : [])
        let size = "\(files) \(files == 1 ? "file" : "files"), \(bytes) bytes"
        return shown.isEmpty ? size : "\(size) (\(shown.joined(separator: ", ")))"
    }

    /// What to tell of that which came later; nil where nothing did.
    public var laterText: String? {
        guard laterCount > 0 else { return nil }
        let more = laterCount > later.count ? " and \(laterCount - later.count) more" : ""
        return
            "after the directory had been taken in, this still came for it, and may be missing from the job: "
            + later.joined(separator: ", ") + more
    }

    /// Notes names that came later; each counts once as long as it is among those that are kept.
    public mutating func note(later names: [String]) {
        for name in names where !later.contains(name) {
            laterCount = min(laterCount, .max - 1) + 1
            if later.count < Self.laterLimit { later.append(name) }
        }
    }
}
