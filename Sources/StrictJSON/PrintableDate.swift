public import Foundation

extension Date {
    /// Seconds since 1970 of the years 1 to 9999, which RFC 3339 can express. Files and rows may hold any number;
    /// calendars are computed
    /// for these only.
    public static let printableSeconds: ClosedRange<Double> = -62_135_596_800...253_402_300_799

    /// The date, or the nearest one that can be printed.
    public var printable: Date {
        let seconds = timeIntervalSince1970
        guard !seconds.isNaN else { return Date(timeIntervalSince1970: 0) }
        return Date(
            timeIntervalSince1970: min(max(seconds, Self.printableSeconds.lowerBound), Self.printableSeconds.upperBound)
        )
    }
}
