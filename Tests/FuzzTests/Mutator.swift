import TestSupport

/// Makes damaged inputs from good ones.
struct Mutator {
    /// Good inputs; never empty ones.
    let seeds: [[UInt8]]
    /// Pieces that mean something in the format.
    let words: [[UInt8]]

    init(seeds: [[UInt8]], words: [String] = []) {
        precondition(!seeds.isEmpty && seeds.allSatisfy { !$0.isEmpty }, "there is something to damage")
        self.seeds = seeds
        self.words = words.map { Array($0.utf8) }
    }

    /// Numbers at which sizes and offsets go wrong.
    private static let edges: [UInt64] = [
        0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, .max,
    ]

    func callAsFunction(_ random: inout SeededGenerator) -> [UInt8] {
        var bytes = seeds.randomElement(using: &random)!
        for _ in 0..<Int.random(in: 1...5, using: &random) {
            damage(&bytes, &random)
            if bytes.isEmpty { bytes = [0] }
        }
        return bytes
    }

    private func damage(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        // Headers are where most decisions are made.
        let reach = Bool.random(using: &random) ? min(bytes.count, 64) : bytes.count
        let at = Int.random(in: 0..<reach, using: &random)
        let end = min(bytes.count, at + Int.random(in: 1...32, using: &random))
        switch Int.random(in: 0..<9, using: &random) {
        case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 2: bytes.removeSubrange(at..<end)
        case 3: bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
        case 4: bytes.removeSubrange(at...)
        case 5: putNumber(&bytes, at, &random)
        case 6:
            let other = seeds.randomElement(using: &random)!
            bytes.replaceSubrange(at..., with: other[min(at, other.count)...])
        case 7:
            if let word = words.randomElement(using: &random) { bytes.replaceSubrange(at..<end, with: word) }
        default:
            if let word = words.randomElement(using: &random) { bytes.insert(contentsOf: word, at: at) }
        }
    }

    private func putNumber(_ bytes: inout [UInt8], _ at: Int, _ random: inout SeededGenerator) {
        let number = Self.edges.randomElement(using: &random)!
        let width = [1, 2, 4, 8].randomElement(using: &random)!
        let isBig = Bool.random(using: &random)
        for index in 0..<width where at + index < bytes.count {
            bytes[at + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * (isBig ? width - 1 - index : index)))
        }
    }
}

/// Gives each chunk of a PNG the checksum that it should have: otherwise nothing behind the first damage is ever looked at.
func repairChecksums(ofPNG bytes: inout [UInt8]) {
    var at = 8
    while at + 12 <= bytes.count {
        let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
        guard length <= bytes.count - at - 12 else { return }
        let sum = crc32(bytes[at + 4..<at + 8 + length])
        for index in 0..<4 { bytes[at + 8 + length + index] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * index)) }
        at += 12 + length
    }
}

/// The checksum of PNG and gzip (ISO 3309), bit by bit.
private func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { sum, byte in
        (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
}
