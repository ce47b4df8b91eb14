import JobSpec
import Problems
import StrictJSON
import TestSupport
import Testing

/// Whatever a file holds, decoding gives a job or problems; it never traps.
@Suite struct MutationTests {
    @Test(arguments: [JobSpecTests.train, JobSpecTests.sample, JobSpecTests.edit, JobSpecTests.spiral])
    func randomChanges(text: String) throws {
        var generator = SeededGenerator(seed: 2025)
        let original = Array(text.utf8)
        let pieces = [
            "-1", "0", "1e308", "9223372036854775807", "null", "true", "\"\"", "[]", "{}", "\"ddpm\"", "1.5", "\\u0000",
            ",", "}",
        ]
        var jobs = 0
        for _ in 0..<2_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let at = Int.random(in: bytes.indices, using: &generator)
                let end = min(bytes.count, at + Int.random(in: 0...6, using: &generator))
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.removeSubrange(at..<end)
                case 2: bytes.insert(contentsOf: Array(pieces.randomElement(using: &generator)!.utf8), at: at)
                default: replaceValue(in: &bytes, after: at, by: pieces.randomElement(using: &generator)!)
                }
                if bytes.isEmpty { bytes = original }
            }
            do throws(Problems) {
                let spec = try JobSpec.decode(bytes, fileName: "m.json")
                jobs += 1
                #expect(try JobSpec.decode(Array(spec.json.text.utf8), fileName: "m.json") == spec)
            } catch {
                #expect(!error.all.isEmpty && error.all.allSatisfy { $0.code != .internal }, "\(error)")
            }
        }
        #expect(jobs > 0)
    }

    /// Puts `piece` in the place of the plain value after the next colon.
    private func replaceValue(in bytes: inout [UInt8], after at: Int, by piece: String) {
        guard let colon = bytes[at...].firstIndex(of: UInt8(ascii: ":")) else { return }
        let end = bytes[colon...].firstIndex { ",}]".utf8.contains($0) } ?? bytes.endIndex
        bytes.replaceSubrange(colon + 1..<end, with: piece.utf8)
    }
}
