import Foundation
import Problems
import StrictJSON
import Testing

/// Numbers from outside are of any size, and nothing traps.
@Suite struct CheckedArithmeticTests {
    @Test func sumsAndProductsStayInRange() {
        let sums: [Int] = [Int.max +| 1, Int.min +| -1, 2 +| 3, Int.max +| Int.min]
        #expect(sums == [Int.max, Int.min, 5, -1])
        let differences: [Int] = [Int.min -| 1, Int.max -| -1, 2 -| 3]
        #expect(differences == [Int.min, Int.max, -1])
        let products: [Int] = [Int.max *| 2, Int.min *| 2, Int.min *| -1, 6 *| 7]
        #expect(products == [Int.max, Int.min, Int.max, 42])
        let unsigned: [UInt64] = [UInt64.max *| 2, UInt64.max +| 1, 1 -| 2]
        #expect(unsigned == [UInt64.max, UInt64.max, 0])
    }

    @Test func fractionsBecomeWholeNumbers() {
        let numbers = [1e300, -1e300, .nan, .infinity, 2.9, -2.9, 0x1p63]
        #expect(numbers.map { Int(saturating: $0) } == [.max, .min, 0, .max, 2, -2, .max])
        #expect(UInt64(saturating: -1.0) == 0)
        #expect(UInt8(saturating: 300.0) == 255)
    }

    @Test(arguments: [-1e300, -1e15, 0, 1e15, 1e300, .infinity, -.infinity, .nan]) func datesArePrinted(seconds: Double)
        throws
    {
        let bytes = try JSONText.encode([Date(timeIntervalSince1970: seconds)])
        let dates = try JSONText.decode([Date].self, from: bytes)
        #expect(dates.count == 1 && Date.printableSeconds.contains(dates[0].timeIntervalSince1970))
    }
}
