public import DurableFiles
public import Foundation
public import Problems
import StrictJSON

/// What `rejected/NAME.error.json` holds.
public struct Receipt: Sendable, Codable, Hashable {
    /// The drop's name in `incoming/`.
    public var name: String
    public var rejectedAt: Date
    /// In the order in which they stand in the file; never empty.
    public var problems: [Problem]

    enum CodingKeys: String, CodingKey {
        case name
        case rejectedAt = "rejected_at"
        case problems
    }
}

extension SpoolLayout {
    /// Moves a refused drop to `rejected/` and puts a receipt beside it. Never replaces an earlier one: a second `NAME.json` becomes
    /// `NAME-2.json`. The receipt comes first, so that a drop never lies there without; after a crash in between, the drop is
    /// refused again, with the same receipt.
    ///
    /// - Returns: the receipt's path.
    @discardableResult
    public func reject(_ name: String, _ problems: Problems, at now: Date, in files: any FileSystem) throws -> String {
        let isJSON = name.hasSuffix(".json")
        let stem = isJSON ? String(name.dropLast(5)) : name
        var number = 1
        var kept: String { stem + (number == 1 ? "" : "-\(number)") }
        while try files.exists(Path.join(rejected, kept + (isJSON ? ".json" : ""))) { number += 1 }
        let receipt = Path.join(rejected, kept + ".error.json")
        let bytes = try JSONText.encode(Receipt(name: name, rejectedAt: now, problems: problems.all))
        try files.writeDurably(bytes, to: receipt, mode: 0o660)
        try files.moveDurably(Path.join(incoming, name), to: Path.join(rejected, kept + (isJSON ? ".json" : "")))
        return receipt
    }
}
