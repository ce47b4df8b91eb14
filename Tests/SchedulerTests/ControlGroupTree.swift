import DurableFiles
import Glibc
import Problems
import TestSupport

/// A directory that is a tree of control groups as the kernel shows them, with its rules; other paths are the real file system.
final class ControlGroupTree: FileSystem {
    /// The delegated group.
    let root: String
    private let directory: TemporaryDirectory
    private let real = PosixFileSystem()

    /// - Parameters:
    ///   - controllers: what the group may hand on to those below.
    ///   - processes: who is in it.
    init(controllers: String, processes: [String] = []) throws {
        directory = try TemporaryDirectory()
        root = directory("diffd.service")
        try real.createDirectory(root, mode: 0o755)
        try put(processes.joined(separator: "\n"), "cgroup.procs")
        try put(controllers, "cgroup.controllers")
        try put("", "cgroup.subtree_control")
    }

    func text(_ file: String) throws -> String {
        String(decoding: try real.read(Path.join(root, file), limit: 1 << 16), as: UTF8.self)
    }

    func put(_ text: String, _ file: String) throws {
        try real.writeAtomically(Array(text.utf8), to: Path.join(root, file))
    }

    var groups: [String] {
        get throws { try real.list(root).entries.filter { $0.kind == .directory }.map(\.name).sorted() }
    }

    private func isGroup(_ path: String) -> Bool { path == root || Path.parent(path) == root }

    /// The files that a group below the root has by the controllers that the root hands on.
    private func addFiles(_ group: String) throws {
        let controllers = try text("cgroup.subtree_control").split(separator: " ")
        var files = ["cgroup.procs": "", "cgroup.kill": ""]
        if controllers.contains("memory") {
            files["memory.max"] = "max\n"
            files["memory.oom.group"] = "0\n"
            files["memory.peak"] = "0\n"
            files["memory.events"] = "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"
        }
        if controllers.contains("cpu") { files["cpu.weight"] = "100\n" }
        for (name, text) in files where try !real.exists(Path.join(root, "\(group)/\(name)")) {
            try put(text, "\(group)/\(name)")
        }
    }

    fileprivate func write(_ text: String, to path: String) throws {
        let (name, group) = (Path.name(path), Path.parent(path))
        switch name {
        case "cgroup.procs":
            // In one group at a time.
            for other in try [root] + groups.map({ Path.join(root, $0) }) {
                let file = Path.join(other, name)
                let rest = String(decoding: try real.read(file, limit: 1 << 16), as: UTF8.self)
                    .split(separator: "\n").filter { $0 != text }
                let now = other == group ? rest + [Substring(text)] : rest
                try real.writeAtomically(Array(now.joined(separator: "\n").utf8), to: file)
            }
        case "cgroup.subtree_control":
            guard try self.text("cgroup.procs").isEmpty else {
                throw Problem(errno: EBUSY, cannot: "write", path)
            }
            let available = try self.text("cgroup.controllers").split(separator: " ")
            let wanted = text.split(separator: " ").map { $0.dropFirst() }
            guard wanted.allSatisfy(available.contains) else { throw Problem(errno: ENOENT, cannot: "write", path) }
            try put(wanted.joined(separator: " "), name)
            for group in try groups { try addFiles(group) }
        case "cgroup.kill":
            try real.writeAtomically([], to: Path.join(group, "cgroup.procs"))
        default:
            try real.writeAtomically(Array((text + "\n").utf8), to: path)
        }
    }

    // MARK: - The calls

    func createDirectory(_ path: String, mode: UInt32) throws {
        try real.createDirectory(path, mode: mode)
        if isGroup(path) { try addFiles(Path.name(path)) }
    }

    func removeDirectory(_ path: String) throws {
        if isGroup(path) {
            guard try real.read(Path.join(path, "cgroup.procs"), limit: 1 << 16).isEmpty else {
                throw Problem(errno: EBUSY, cannot: "remove the directory", path)
            }
            for entry in try real.list(path).entries { try real.removeFile(Path.join(path, entry.name)) }
        }
        try real.removeDirectory(path)
    }

    func openForAppending(_ path: String, mode: UInt32) throws -> any WritableFile {
        guard isGroup(Path.parent(path)) else { return try real.openForAppending(path, mode: mode) }
        // The kernel's files are there, or cannot be.
        guard try real.exists(path) else { throw Problem(errno: EACCES, cannot: "open", path) }
        return ControlFile(tree: self, path: path)
    }

    func createFile(_ path: String, mode: UInt32) throws -> any WritableFile {
        try real.createFile(path, mode: mode)
    }
    func createSymbolicLink(_ path: String, to target: String) throws {
        try real.createSymbolicLink(path, to: target)
    }
    func link(_ path: String, as newPath: String) throws { try real.link(path, as: newPath) }
    func rename(_ path: String, to newPath: String) throws { try real.rename(path, to: newPath) }
    func rename(unreadable name: [UInt8], in directory: String, to newPath: String) throws {
        try real.rename(unreadable: name, in: directory, to: newPath)
    }
    func exchange(_ path: String, with other: String) throws { try real.exchange(path, with: other) }
    func removeFile(_ path: String) throws { try real.removeFile(path) }
    func synchronizeFile(_ path: String) throws { try real.synchronizeFile(path) }
    func synchronizeDirectory(_ path: String) throws { try real.synchronizeDirectory(path) }
}

/// A file of a group: a write is a command.
private final class ControlFile: WritableFile {
    private let tree: ControlGroupTree
    private let path: String

    init(tree: ControlGroupTree, path: String) {
        self.tree = tree
        self.path = path
    }

    func write(_ bytes: RawSpan) throws {
        let text = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        try tree.write(text, to: path)
    }

    func synchronize() throws {}
    func truncate(to size: Int) throws {}
    func size() throws -> Int { 0 }
}
