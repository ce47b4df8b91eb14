/// What of a directory tree would be on disk after a crash: bytes that were synchronized, names whose directory was, and
/// of the rest what chance leaves.
///
/// Bytes that were not synchronized may be missing, be cut off anywhere, or be zeros. Changes of names that were not may be
/// missing, but a directory never keeps a change without those before it, and a rename happens in both directories or in
/// none: so do the journals of ext4, XFS and Btrfs.
struct CrashModel {
    enum Content {
        case file(durable: [UInt8], pending: [Edit])
        case directory([String: Int])
        case link(String)
    }

    enum Edit {
        case append([UInt8])
        case truncate(Int)
    }

    /// A name in a directory gets another node, or none.
    struct Effect {
        var directory: Int
        var name: String
        var node: Int?
    }

    /// Effects that happen together.
    struct Change {
        var effects: [Effect]
        var isDurable: Bool
    }

    /// A tree that survived.
    indirect enum Tree: Equatable {
        case file([UInt8])
        case directory([String: Tree])
        case link(String)
    }

    static let root = 0

    /// Files, directories and links at present; a directory's names are those that programs see.
    private(set) var nodes: [Content]
    /// The names of each directory when it was first seen.
    private var beginnings: [Int: [String: Int]] = [:]
    private var changes: [Change] = []

    /// Everything in `tree` is durable.
    init(_ tree: [String: Tree]) {
        nodes = [.directory([:])]
        let names = tree.mapValues { importing($0) }
        nodes[Self.root] = .directory(names)
        beginnings[Self.root] = names
    }

    private mutating func importing(_ tree: Tree) -> Int {
        switch tree {
        case .file(let bytes): return add(.file(durable: bytes, pending: []))
        case .link(let target): return add(.link(target))
        case .directory(let children):
            let names = children.mapValues { importing($0) }
            let node = add(.directory(names))
            beginnings[node] = names
            return node
        }
    }

    mutating func add(_ content: Content) -> Int {
        nodes.append(content)
        return nodes.count - 1
    }

    func node(_ name: String, in directory: Int) -> Int? {
        guard case .directory(let names) = nodes[directory] else { return nil }
        return names[name]
    }

    mutating func change(_ effects: [Effect]) {
        for effect in effects {
            guard case .directory(var names) = nodes[effect.directory] else { continue }
            names[effect.name] = effect.node
            nodes[effect.directory] = .directory(names)
        }
        changes.append(Change(effects: effects, isDurable: false))
    }

    mutating func edit(_ node: Int, _ edit: Edit) {
        guard case .file(let durable, let pending) = nodes[node] else { return }
        nodes[node] = .file(durable: durable, pending: pending + [edit])
    }

    /// Makes a file's bytes durable: those written so far, or the ones that the caller has found in it.
    mutating func synchronizeFile(_ node: Int, found: [UInt8]? = nil) {
        guard case .file(let durable, let pending) = nodes[node] else { return }
        nodes[node] = .file(durable: found ?? pending.reduce(durable, Self.apply), pending: [])
    }

    /// Makes the names in a directory durable, and what had to happen before.
    mutating func synchronizeDirectory(_ node: Int) {
        var durable: Set = [node]
        for index in changes.indices.reversed() {
            let directories = changes[index].effects.map(\.directory)
            if changes[index].isDurable || !durable.isDisjoint(with: directories) {
                changes[index].isDurable = true
                durable.formUnion(directories)
            }
        }
    }

    /// What is found afterwards; without a generator everything is lost that can be.
    func survivors(_ generator: inout SeededGenerator?) -> [String: Tree] {
        var names = beginnings
        var cut: Set<Int> = []
        for change in changes {
            let directories = change.effects.map(\.directory)
            let isKept = change.isDurable || cut.isDisjoint(with: directories) && flip(&generator)
            if !isKept {
                cut.formUnion(directories)
                continue
            }
            for effect in change.effects { names[effect.directory, default: [:]][effect.name] = effect.node }
        }
        var bytes: [Int: [UInt8]] = [:]
        for (node, content) in nodes.enumerated() {
            if case .file(let durable, let pending) = content { bytes[node] = settle(durable, pending, &generator) }
        }
        return tree(Self.root, names, bytes)
    }

    private func tree(_ directory: Int, _ names: [Int: [String: Int]], _ bytes: [Int: [UInt8]]) -> [String: Tree] {
        (names[directory] ?? [:]).mapValues { node in
            switch nodes[node] {
            case .file: .file(bytes[node] ?? [])
            case .directory: .directory(tree(node, names, bytes))
            case .link(let target): .link(target)
            }
        }
    }

    private func flip(_ generator: inout SeededGenerator?) -> Bool {
        generator.map { _ in Bool.random(using: &generator!) } ?? false
    }

    /// Some of the edits that were not synchronized, the last of them perhaps in part.
    private func settle(_ durable: [UInt8], _ pending: [Edit], _ generator: inout SeededGenerator?) -> [UInt8] {
        guard generator != nil else { return durable }
        let kept = Int.random(in: 0...pending.count, using: &generator!)
        var bytes = pending[..<kept].reduce(durable, Self.apply)
        guard kept < pending.count, case .append(let last) = pending[kept] else { return bytes }
        let whole = Int.random(in: 0...last.count, using: &generator!)
        bytes += last[..<whole]
        // The size may reach the disk before the bytes do.
        if flip(&generator) { bytes += [UInt8](repeating: 0, count: last.count - whole) }
        return bytes
    }

    private static func apply(_ bytes: [UInt8], _ edit: Edit) -> [UInt8] {
        switch edit {
        case .append(let more): bytes + more
        case .truncate(let size): Array(bytes.prefix(size))
        }
    }
}
