public import DurableFiles
public import Problems
import Synchronization

/// Thrown by every call from the moment of a planned crash on: the program is dead.
public struct Crash: Error {}

/// A file system that works on a real directory, notes what of it is durable, and stops the program at a given call.
///
/// After the crash, `settle` makes the directory what a machine would find, and the test recovers with a new file system
/// on the same directory. Reading goes to the real directory, so code that reads by other means can be tested as well;
/// what it writes by other means is lost unless it is synchronized by path.
public final class CrashingFileSystem: FileSystem {
    /// What happens at the call with this number, counted from 0.
    public enum Plan: Sendable {
        case none
        /// The program dies before the call; a write is done by half.
        case crash(atCall: Int)
        /// The call fails, and the program goes on. A write is done by half.
        case fail(atCall: Int, Problem)
    }

    /// What is left after a crash.
    public enum Outcome: Sendable, Hashable, CaseIterable {
        /// Only the program died: the kernel still has all that it was given.
        case programDied
        /// The machine died, and everything is lost that was not synchronized.
        case allLost
        /// The machine died, and chance has kept some.
        case someLost(seed: UInt64)

        public static let allCases = [programDied, allLost] + (0..<8).map { someLost(seed: $0) }
    }

    private struct State {
        var plan: Plan
        var model: CrashModel
        var calls: [String] = []
        var isDead = false
    }

    public let root: String
    private let real = PosixFileSystem()
    private let state: Mutex<State>
    private let died: @Sendable () -> Void

    /// - Parameters:
    ///   - root: a directory, absolute and without links in its path. All that it holds is taken for durable.
    ///   - died: called at the moment of the crash, to keep what lies elsewhere as it is then.
    public init(_ root: String, _ plan: Plan = .none, died: @escaping @Sendable () -> Void = {}) throws {
        self.root = root
        self.died = died
        state = Mutex(State(plan: plan, model: CrashModel(try Self.readTree(root))))
    }

    /// The calls so far, as `rename a b`, with paths relative to the root.
    public var calls: [String] { state.withLock(\.calls) }

    /// Whether the planned crash has happened.
    public var isDead: Bool { state.withLock(\.isDead) }

    /// Makes the directory what is found after a crash at this moment.
    public func settle(_ outcome: Outcome) throws {
        var generator: SeededGenerator?
        switch outcome {
        case .programDied: return
        case .allLost: generator = nil
        case .someLost(let seed): generator = SeededGenerator(seed: seed)
        }
        let tree = state.withLock { [generator] state in
            var generator = generator
            state.isDead = true
            return state.model.survivors(&generator)
        }
        for entry in try real.list(root).entries { removeTree(Path.join(root, entry.name)) }
        try Self.write(tree, to: root)
    }

    // MARK: The calls

    public func createFile(_ path: String, mode: UInt32) throws -> any WritableFile {
        try step("create", path) { model in
            let file = try real.createFile(path, mode: mode)
            let node = model.add(.file(durable: [], pending: []))
            model.change([try effect(path, node, &model)])
            return CrashingFile(file, path: path, node: node, in: self)
        }
    }

    public func openForAppending(_ path: String, mode: UInt32) throws -> any WritableFile {
        try step("open", path) { model in
            let isNew = try !real.exists(path)
            let file = try real.openForAppending(path, mode: mode)
            if isNew {
                let node = model.add(.file(durable: [], pending: []))
                model.change([try effect(path, node, &model)])
            }
            return CrashingFile(file, path: path, node: try find(path, &model), in: self)
        }
    }

    public func createDirectory(_ path: String, mode: UInt32) throws {
        try step("mkdir", path) { model in
            try real.createDirectory(path, mode: mode)
            model.change([try effect(path, model.add(.directory([:])), &model)])
        }
    }

    public func createSymbolicLink(_ path: String, to target: String) throws {
        try step("symlink", path) { model in
            try real.createSymbolicLink(path, to: target)
            model.change([try effect(path, model.add(.link(target)), &model)])
        }
    }

    public func link(_ path: String, as newPath: String) throws {
        try step("link", path, newPath) { model in
            let node = try find(path, &model)
            try real.link(path, as: newPath)
            model.change([try effect(newPath, node, &model)])
        }
    }

    public func rename(_ path: String, to newPath: String) throws {
        try step("rename", path, newPath) { model in
            let node = try find(path, &model)
            try real.rename(path, to: newPath)
            model.change([try effect(path, nil, &model), try effect(newPath, node, &model)])
        }
    }

    public func rename(unreadable name: [UInt8], in directory: String, to newPath: String) throws {
        try step("rename", directory, newPath) { model in
            try real.rename(unreadable: name, in: directory, to: newPath)
            _ = try find(newPath, &model)
        }
    }

    public func exchange(_ path: String, with otherPath: String) throws {
        try step("exchange", path, otherPath) { model in
            let nodes = (try find(path, &model), try find(otherPath, &model))
            try real.exchange(path, with: otherPath)
            model.change([try effect(path, nodes.1, &model), try effect(otherPath, nodes.0, &model)])
        }
    }

    public func removeFile(_ path: String) throws {
        try step("unlink", path) { model in
            _ = try find(path, &model)
            try real.removeFile(path)
            model.change([try effect(path, nil, &model)])
        }
    }

    public func removeDirectory(_ path: String) throws {
        try step("rmdir", path) { model in
            _ = try find(path, &model)
            try real.removeDirectory(path)
            model.change([try effect(path, nil, &model)])
        }
    }

    // Nothing is really synchronized: the machine that runs the test does not crash, and tests are many.

    public func synchronizeFile(_ path: String) throws {
        try step("fsync", path) { model in
            let bytes = try real.read(path, limit: .max - 1)
            model.synchronizeFile(try find(path, &model), found: bytes)
        }
    }

    public func synchronizeDirectory(_ path: String) throws {
        try step("fsync", path) { model in
            // What was made by other means is there as well.
            for entry in try real.list(path).entries { _ = try find(Path.join(path, entry.name), &model) }
            model.synchronizeDirectory(try find(path, &model))
        }
    }

    // MARK: Steps

    /// Counts a call, and carries it out unless the plan says otherwise.
    ///
    /// - Parameter half: what of it happens nevertheless.
    fileprivate func step<Result>(
        _ name: String, _ paths: String..., half: (inout CrashModel) throws -> Void = { _ in },
        _ body: (inout CrashModel) throws -> sending Result
    ) throws -> Result {
        try state.withLock { state in
            guard !state.isDead else { throw Crash() }
            let call = state.calls.count
            state.calls.append(([name] + paths.map(relative)).joined(separator: " "))
            switch state.plan {
            case .crash(atCall: call):
                state.isDead = true
                try half(&state.model)
                died()
                throw Crash()
            case .fail(atCall: call, let problem):
                try half(&state.model)
                throw problem
            default: return try body(&state.model)
            }
        }
    }

    private func relative(_ path: String) -> String {
        path == root ? "." : path.hasPrefix(root + "/") ? String(path.dropFirst(root.count + 1)) : path
    }

    private func effect(_ path: String, _ node: Int?, _ model: inout CrashModel) throws -> CrashModel.Effect {
        CrashModel.Effect(directory: try find(Path.parent(path), &model), name: Path.name(path), node: node)
    }

    /// The node of an existing path. One that the model does not know was made by other means and is not durable.
    private func find(_ path: String, _ model: inout CrashModel) throws -> Int {
        if path == root { return CrashModel.root }
        guard path.hasPrefix(root + "/") else {
            throw Problem(.internal, "\(path) does not lie in \(root), which a CrashingFileSystem watches")
        }
        let directory = try find(Path.parent(path), &model)
        if let node = model.node(Path.name(path), in: directory) { return node }
        guard let status = try real.status(path) else {
            throw Problem(.missing, "there is no \(path)")
        }
        let node: Int
        switch status.kind {
        case .directory: node = model.add(.directory([:]))
        case .symbolicLink: node = model.add(.link(try real.symbolicLinkTarget(path)))
        case .regular, .special:
            node = model.add(.file(durable: [], pending: [.append(try real.read(path, limit: .max - 1))]))
        }
        model.change([.init(directory: directory, name: Path.name(path), node: node)])
        return node
    }

    private static func readTree(_ path: String) throws -> [String: CrashModel.Tree] {
        let real = PosixFileSystem()
        var tree: [String: CrashModel.Tree] = [:]
        for entry in try real.list(path).entries {
            let child = Path.join(path, entry.name)
            switch entry.kind {
            case .directory: tree[entry.name] = .directory(try readTree(child))
            case .symbolicLink: tree[entry.name] = .link(try real.symbolicLinkTarget(child))
            case .regular: tree[entry.name] = .file(try real.read(child, limit: .max - 1))
            case .special: throw Problem(.unsupported, "\(child) is neither file, directory nor link")
            }
        }
        return tree
    }

    private static func write(_ tree: [String: CrashModel.Tree], to directory: String) throws {
        let real = PosixFileSystem()
        for (name, child) in tree {
            let path = Path.join(directory, name)
            switch child {
            case .file(let bytes): try real.createFile(path, mode: 0o666).write(bytes.span.bytes)
            case .link(let target): try real.createSymbolicLink(path, to: target)
            case .directory(let children):
                try real.createDirectory(path, mode: 0o777)
                try write(children, to: path)
            }
        }
    }
}

/// A file of a `CrashingFileSystem`.
private final class CrashingFile: WritableFile {
    private let real: any WritableFile
    private let path: String
    private let node: Int
    private let system: CrashingFileSystem

    init(_ real: any WritableFile, path: String, node: Int, in system: CrashingFileSystem) {
        self.real = real
        self.path = path
        self.node = node
        self.system = system
    }

    func write(_ bytes: RawSpan) throws {
        let array = bytes.withUnsafeBytes { Array($0) }
        let half = Array(array.prefix(array.count / 2))
        try system.step("write", path) { model in
            try real.write(half.span.bytes)
            model.edit(node, .append(half))
        } _: { model in
            try real.write(array.span.bytes)
            model.edit(node, .append(array))
        }
    }

    func synchronize() throws {
        try system.step("fsync", path) { model in model.synchronizeFile(node) }
    }

    func truncate(to size: Int) throws {
        try system.step("truncate", path) { model in
            try real.truncate(to: size)
            model.edit(node, .truncate(size))
        }
    }

    func size() throws -> Int { try real.size() }
}
