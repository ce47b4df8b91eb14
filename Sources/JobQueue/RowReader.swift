import Foundation
import GRDB
import Problems
import StrictJSON

/// Reads columns of whatever type and size SQLite has stored, which need not be the declared ones: the only place that
/// takes values out of
/// rows. A column that is missing, of another type or out of its range is nil.
struct RowReader {
    let row: Row

    init(_ row: Row) { self.row = row }

    private func value<Value: DatabaseValueConvertible>(_ column: String) -> Value? {
        raw(column).flatMap(Value.fromDatabaseValue)
    }

    /// GRDB traps on a column that the row lacks.
    private func raw(_ column: String) -> DatabaseValue? { row.hasColumn(column) ? row[column] : nil }

    func text(_ column: String) -> String? { value(column) }

    func integer(_ column: String, in range: ClosedRange<Int> = 0...Int.max) -> Int? {
        guard let number: Int = value(column), range.contains(number) else { return nil }
        return number
    }

    /// A finite number.
    func number(_ column: String) -> Double? {
        guard let number: Double = value(column), number.isFinite else { return nil }
        return number
    }

    /// A time of a year that can be printed.
    func date(_ column: String) -> Date? {
        guard let seconds = number(column), Date.printableSeconds.contains(seconds) else { return nil }
        return Date(timeIntervalSince1970: seconds)
    }

    /// The job's number; 0 where there is none.
    var id: Int { integer("id", in: 1...Int.max) ?? 0 }

    func need<Value>(_ column: String, _ read: (String) -> Value?) throws(Problem) -> Value {
        guard let value = read(column) else { throw unreadable(column) }
        return value
    }

    /// A whole number that must be there and in the range.
    func count(_ column: String, in range: ClosedRange<Int>) throws(Problem) -> Int {
        try need(column) { integer($0, in: range) }
    }

    /// A whole number in the range, or NULL.
    func optionalCount(_ column: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        isNull(column) ? nil : try count(column, in: range)
    }

    func isNull(_ column: String) -> Bool {
        raw(column)?.isNull ?? true
    }

    func choice<Choice: RawRepresentable<String>>(_ column: String) throws(Problem) -> Choice {
        guard let choice = Choice(rawValue: try need(column, text)) else { throw unreadable(column) }
        return choice
    }

    func decode<Value: Decodable>(_ type: Value.Type, _ column: String) throws(Problem) -> Value? {
        guard !isNull(column) else { return nil }
        guard let json = text(column) else { throw unreadable(column) }
        do {
            return try JSONDecoder().decode(type, from: Data(json.utf8))
        } catch {
            throw unreadable(column)
        }
    }

    private func unreadable(_ column: String) -> Problem {
        Problem(
            .corrupt, "the store's row of job \(id) has no usable \(column)",
            remedy: "Submit the job again from request.json in its directory.", cause: text(column))
    }
}
