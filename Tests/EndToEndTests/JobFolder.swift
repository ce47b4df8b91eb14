import DurableFiles
import JobSpec
import StrictJSON

/// A job's directory in the spool, read as a user reads it.
struct JobFolder {
    let path: String
    private var files: PosixFileSystem { PosixFileSystem() }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    func exists(_ name: String) throws -> Bool { try files.exists(self(name)) }

    func bytes(_ name: String) throws -> [UInt8] { try files.read(self(name), limit: 1 << 24, followsLinks: true) }

    /// Nil before it is written.
    func status() throws -> JobStatus? {
        guard try exists("status.json") else { return nil }
        return try JSONText.decode(JobStatus.self, from: bytes("status.json"))
    }

    var log: String { get throws { String(decoding: try bytes("log.txt"), as: UTF8.self) } }

    /// Every whole line, which must be JSON.
    func events() throws -> [JSONNode] {
        guard try exists("events.jsonl") else { return [] }
        let bytes = try self.bytes("events.jsonl")
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        return try bytes[..<end].split(separator: UInt8(ascii: "\n")).map { try JSONNode.parse(Array($0)) }
    }

    /// How many events of this name were told.
    func count(_ event: String) throws -> Int { try events().count { $0["event"]?.string == event } }

    /// All that must be the same however often the job was interrupted, by path: outputs and model, save for the times
    /// in the manifest.
    func products() throws -> [String: [UInt8]] {
        var products = try contents("outputs")
        products["outputs/manifest.json"] = nil
        // Their title is the job's name.
        for plot in ["loss.png", "loss.svg"] { products["outputs/\(plot)"] = nil }
        if try exists("model") { products.merge(try contents("model")) { $1 } }
        return products
    }

    private func contents(_ directory: String) throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for entry in try files.list(self(directory)).entries {
            let name = "\(directory)/\(entry.name)"
            if entry.kind == .directory {
                found.merge(try contents(name)) { $1 }
            } else {
                found[name] = try bytes(name)
            }
        }
        return found
    }
}
