import Foundation

/// The package as SwiftPM understands it: targets, what each declares to use, and where its files are.
struct PackageDescription {
    struct Target {
        enum Kind: String {
            case library = "regular"
            case system
            case program = "executable"
            case test
        }

        var name: String
        var kind: Kind
        /// The package's own targets that it uses.
        var targets: Set<String>
        /// Products of other packages that it uses.
        var products: Set<String>
        /// Absolute path of its sources.
        var directory: String

        /// How other targets import it.
        var module: String { name.replacing("-", with: "_") }
    }

    /// Told why there is none.
    struct Failure: Error, CustomStringConvertible { var description: String }

    let targets: [Target]

    /// The package that holds this file; read once.
    static let own = Result { try PackageDescription(root: rootDirectory()) }

    subscript(name: String) -> Target? { targets.first { $0.name == name } }

    /// Everything that a target uses, directly or not.
    func reachable(from name: String) -> Set<String> {
        var found: Set<String> = []
        var open = [name]
        while let next = open.popLast() {
            for target in self[next]?.targets ?? [] where found.insert(target).inserted { open.append(target) }
        }
        return found
    }

    private static func rootDirectory() throws -> String {
        var directory = URL(filePath: #filePath).deletingLastPathComponent()
        while directory.path != "/" {
            if FileManager.default.fileExists(atPath: directory.appending(path: "Package.swift").path) {
                return directory.path
            }
            directory.deleteLastPathComponent()
        }
        throw Failure(description: "no Package.swift above \(#filePath)")
    }

    private init(root: String) throws {
        let package = try JSONDecoder().decode(Dump.self, from: Self.dump(root))
        let names = Set(package.targets.map(\.name))
        targets = try package.targets.map { target in
            guard let kind = Target.Kind(rawValue: target.type) else {
                throw Failure(description: "the target \(target.name) is of a kind that no rule knows: \(target.type)")
            }
            let used = Set(target.dependencies.compactMap(\.name))
            return Target(
                name: target.name, kind: kind, targets: used.intersection(names), products: used.subtracting(names),
                directory: "\(root)/\(target.path ?? (kind == .test ? "Tests/" : "Sources/") + target.name)")
        }
    }

    /// `swift package dump-package`, with a scratch directory of its own: that of a running `swift test` is locked.
    private static func dump(_ root: String) throws -> Data {
        let scratch = NSTemporaryDirectory() + "/diffd-architecture-\(ProcessInfo.processInfo.processIdentifier)"
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "swift", "package", "--package-path", root, "--scratch-path", scratch, "dump-package",
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        // Nothing is lost when an empty directory stays in /tmp.
        try? FileManager.default.removeItem(atPath: scratch)
        guard process.terminationStatus == 0 else {
            throw Failure(description: "swift package dump-package ended with \(process.terminationStatus)")
        }
        return bytes
    }

    /// What of SwiftPM's JSON is read here.
    private struct Dump: Decodable {
        struct Target: Decodable {
            var name: String
            var type: String
            var path: String?
            var dependencies: [Dependency]
        }

        /// `{"byName": ["Problems", null]}`, `{"product": ["GRDB", "GRDB.swift", null, null]}`: one key; the name comes first.
        struct Dependency: Decodable {
            var name: String?

            init(from decoder: any Decoder) throws {
                let parts = try decoder.singleValueContainer().decode([String: [Part?]].self)
                if case .text(let text)?? = parts.values.first?.first { name = text }
            }
        }

        enum Part: Decodable {
            case text(String)
            case other

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                // Conditions and aliases are objects, which no rule here asks about.
                self = (try? container.decode(String.self)).map(Part.text) ?? .other
            }
        }

        var targets: [Target]
    }
}
