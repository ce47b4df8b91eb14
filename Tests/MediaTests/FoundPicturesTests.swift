import Foundation
import Media
import Problems
import TestSupport
import Testing

/// Pictures as they are found, beside what Pillow, or the picture that they were made of, says that they show.
@Suite("odd pictures that are whole") struct FoundPicturesTests {
    struct Expected: Decodable {
        var width: Int
        var height: Int
        var channels: Int
        var within: Int
        var warns: Bool
        var hex: String

        var samples: [Int] {
            let digits = hex.compactMap(\.hexDigitValue)
            return stride(from: 0, to: digits.count, by: 2).map { 16 * digits[$0] + digits[$0 + 1] }
        }
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: Fixture.path("Pictures/\(name)"))))
    }

    @Test("orientation, profiles, padding, pages and frames as Pillow reads them") func reads() throws {
        let all = try JSONDecoder().decode([String: Expected].self, from: Data(Self.bytes("expected.json")))
        #expect(all.count > 60)
        for (name, expected) in all.sorted(by: { $0.key < $1.key }) {
            do {
                var warnings: [String] = []
                let image = try ImageFile.decode(Self.bytes(name)) { warnings.append($0) }
                let shape = [image.width, image.height, image.channels]
                #expect(shape == [expected.width, expected.height, expected.channels], "\(name)")
                let worst = zip(image.bytes, expected.samples).map { abs(Int($0) - $1) }.max() ?? 0
                #expect(worst <= expected.within, "\(name): off by \(worst)")
                #expect(warnings.isEmpty != expected.warns, "\(name): \(warnings)")
            } catch {
                Issue.record("\(name): \(error)")
            }
        }
    }

    /// One byte of its entropy-coded data is another, in all ways that the decoder notices.
    @Test("what is damaged is still told") func damaged() throws {
        for name in ["restarts.jpg", "progressive_no_end.jpg", "tiff_lzw.tif", "palette.gif", "exif_6.png"] {
            let bytes = try Self.bytes(name)
            let whole = try ImageFile.decode(bytes)
            var refused = 0
            for place in bytes.count / 2..<bytes.count * 15 / 16 {
                var changed = bytes
                changed[place] ^= 0x55
                do {
                    let image = try ImageFile.decode(changed)
                    #expect(image.width > 0 && whole.width > 0)
                } catch let problem as Problem {
                    #expect([.corrupt, .invalid, .unsupported].contains(problem.code), "\(name): \(problem)")
                    refused += 1
                }
            }
            #expect(refused > 0, "\(name)")
            #expect(throws: Problem.self) { try ImageFile.decode(Array(bytes.prefix(bytes.count / 2))) }
        }
    }

    @Test("high dynamic range is refused by name") func highDynamicRange() throws {
        let png = try Self.bytes("exif_6.png")
        let data = try #require(png.firstRange(of: Array("IDAT".utf8))).lowerBound - 4
        // Primaries of BT.2020, the tone curve PQ, RGB in the full range; the checksum is not looked at.
        let chunk: [UInt8] = [0, 0, 0, 4] + Array("cICP".utf8) + [9, 16, 0, 1] + [0, 0, 0, 0]
        let problem = #expect(throws: Problem.self) { try ImageFile.decode(png[..<data] + chunk + png[data...]) }
        #expect(problem?.code == .unsupported && problem?.message.contains("dynamic range") == true)
    }
}
