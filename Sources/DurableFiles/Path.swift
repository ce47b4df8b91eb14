/// Cutting and joining of path strings.
public enum Path {
    /// `a/b` for `a/b/c`, `/` for `/a`, `.` for `a`.
    public static func parent(_ path: String) -> String {
        let path = trimmed(path)
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        let parent = trimmed(path[..<slash])
        return parent.isEmpty ? "/" : String(parent)
    }

    /// `c` for `a/b/c` and for `a/b/c/`.
    public static func name(_ path: String) -> String {
        let path = trimmed(path)
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return String(path) }
        return String(path[path.utf8.index(after: slash)...])
    }

    /// `directory/name`; an absolute `name` stands for itself.
    public static func join(_ directory: String, _ name: String) -> String {
        if name.utf8.first == UInt8(ascii: "/") || directory.isEmpty { return name }
        return directory.utf8.last == UInt8(ascii: "/") ? directory + name : "\(directory)/\(name)"
    }

    private static func trimmed(_ path: some StringProtocol) -> Substring {
        var path = Substring(path)
        while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
        return path
    }
}
