import Foundation
public import Problems

/// `Codable` values as JSON text: keys sorted, indented, times as RFC 3339 in UTC with milliseconds, a newline at the end.
public enum JSONText {
    public enum Layout: Sendable {
        case indented
        /// One line, for files of one JSON value a line.
        case line
    }

    /// Fails only on a number that is NaN or infinite.
    public static func encode(_ value: some Encodable, _ layout: Layout = .indented) throws(Problem) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if layout == .indented { encoder.outputFormatting.insert(.prettyPrinted) }
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            // The style cuts digits off: half a millisecond more makes it round, so that writing again changes nothing.
            try container.encode((date.printable + 0.0005).printable.formatted(withFraction))
        }
        do {
            return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
        } catch {
            throw Problem(.internal, "a \(type(of: value)) cannot be written as JSON", cause: "\(error)")
        }
    }

    /// Reads what `encode` writes; fractions of a second may be left out. For files that diffd writes itself: keys that the type does
    /// not know are ignored, so that a newer version's file can be read.
    public static func decode<Value: Decodable>(
        _ type: Value.Type = Value.self, from bytes: [UInt8], file: String? = nil
    ) throws(Problem) -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let text = try decoder.singleValueContainer().decode(String.self)
            do { return try Date(text, strategy: withFraction) } catch { return try Date(text, strategy: .iso8601) }
        }
        do {
            return try decoder.decode(type, from: Data(bytes))
        } catch {
            throw Problem(.corrupt, "the file does not hold a \(type) as JSON", file: file, cause: describe(error))
        }
    }

    private static let withFraction = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private static func describe(_ error: any Error) -> String {
        switch error as? DecodingError {
        case .keyNotFound(let key, _): return "the key \(key.stringValue) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
        default: return "\(error)"
        }
    }
}
