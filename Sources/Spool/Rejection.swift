public import DurableFiles
public import Foundation
public import JobSpec
public import Problems
import StrictJSON

/// What `rejected/NAME.error.json` holds.
public struct Receipt: Sendable, Codable, Hashable {
    /// The drop's name in `incoming/`.
    public var name: String
    /// What its job would have been called; nil in receipts of earlier versions.
    public var job: String?
    /// Identifies the drop; nil in receipts of earlier versions.
    public var token: String?
    public var rejectedAt: Date
    /// In the order in which they stand in the file; never empty.
    public var problems: [Problem]
    /// Of a directory: what was in it.
    public var inputs: TakenInputs?

    enum CodingKeys: String, CodingKey {
        case name, job, token, problems, inputs
        case rejectedAt = "rejected_at"
    }
}

extension SpoolLayout {
    /// With the longest ending, `-1000.error.json`, a name has no more than the 255 bytes that file systems allow.
    private static let longestStem = 200

    /// Moves a refused drop to `rejected/` and puts a receipt beside it. Never replaces an earlier one: a second `NAME.json` becomes
    /// `NAME-2.json`. The receipt comes first, so that a drop never lies there without; after a crash in between, the drop is
    /// refused again, with the same receipt. A name that is too long for that is cut off; the receipt has it in full.
    ///
    /// - Returns: the receipt and its path.
    @discardableResult
    public func reject(
        _ name: String, _ problems: Problems, job: String? = nil, token: String? = nil, inputs: TakenInputs? = nil,
        at now: Date, in files: any FileSystem
    ) throws -> (path: String, receipt: Receipt) {
        let receipt = Receipt(
            name: name, job: job, token: token, rejectedAt: now, problems: problems.bounded.all, inputs: inputs)
        let path = try putAside(receipt, in: files) { try files.moveDurably(Path.join(incoming, name), to: $0) }
        return (path, receipt)
    }

    /// A larger receipt is not one of ours: it holds a hundred problems at most.
    private static let largestReceipt = 1 << 20

    /// The newest receipts in `rejected/`, with their paths, the newest last. What cannot be read as one is passed over: anybody may have put
    /// it there.
    public func receipts(newest limit: Int, in files: any FileSystem) throws -> [(path: String, receipt: Receipt)] {
        let found = try files.list(rejected).entries.compactMap { entry -> (path: String, time: FileTime)? in
            guard entry.name.hasSuffix(".error.json"), entry.kind == .regular else { return nil }
            let path = Path.join(rejected, entry.name)
            return try files.status(path).map { (path, $0.modified) }
        }
        return found.sorted { ($0.time, $0.path) < ($1.time, $1.path) }.suffix(limit).compactMap { path, _ in
            guard let bytes = try? files.read(path, limit: Self.largestReceipt),
                let receipt = try? JSONText.decode(Receipt.self, from: bytes), !receipt.problems.isEmpty
            else { return nil }
            return (path, receipt)
        }
    }

    /// The same for what has a name that is not UTF-8.
    @discardableResult
    public func reject(
        _ name: DirectoryListing.Unreadable, at now: Date, in files: any FileSystem
    ) throws -> (path: String, receipt: Receipt) {
        let problem = Problem(
            .invalid, "the name \(name.shown) is not UTF-8", remedy: "Rename it, and drop it again.", file: name.shown)
        let receipt = Receipt(name: name.shown, rejectedAt: now, problems: [problem])
        let path = try putAside(receipt, in: files) { place in
            try files.rename(unreadable: name.bytes, in: incoming, to: place)
            try files.synchronizeDirectory(rejected)
            try files.synchronizeDirectory(incoming)
        }
        return (path, receipt)
    }

    private func putAside(_ receipt: Receipt, in files: any FileSystem, move: (String) throws -> Void) throws -> String
    {
        let ending = receipt.name.hasSuffix(".json") ? ".json" : ""
        var stem = receipt.name.dropLast(ending.count)
        while stem.utf8.count > Self.longestStem { stem.removeLast() }
        var number = 1
        var kept: String { stem + (number == 1 ? "" : "-\(number)") }
        // An earlier receipt stays, unless it is this drop's own, of before a crash; and anybody may have put something
        // there.
        func isTaken() throws -> Bool {
            if try files.exists(Path.join(rejected, kept + ending)) { return true }
            let earlier = Path.join(rejected, kept + ".error.json")
            guard try files.exists(earlier) else { return false }
            let bytes = try? files.read(earlier, limit: 16 << 20)
            return bytes.flatMap { try? JSONText.decode(Receipt.self, from: $0) }?.name != receipt.name
        }
        while try isTaken() { number += 1 }
        let path = Path.join(rejected, kept + ".error.json")
        try files.writeDurably(try JSONText.encode(receipt), to: path, mode: 0o660)
        try move(Path.join(rejected, kept + ending))
        return path
    }
}
