/// The characters by which vocabularies of byte-level tokenizers write bytes (Radford et al. 2019): printable ones stay
/// themselves, and the other 68 are U+0100 and those after it.
enum ByteSymbols {
    /// By the byte.
    static let symbols: [Unicode.Scalar] = {
        let printable = order.prefix(256 - 68)
        var symbols = [Unicode.Scalar](repeating: "\0", count: 256)
        for byte in printable { symbols[Int(clamping: byte)] = Unicode.Scalar(byte) }
        for (number, byte) in order.dropFirst(printable.count).enumerated() {
            symbols[Int(clamping: byte)] = Unicode.Scalar(0x100 + UInt32(clamping: number)) ?? "\0"
        }
        return symbols
    }()

    /// All bytes in the order in which vocabularies begin with them: first those that stay.
    static let order: [UInt8] = {
        let printable = Array<UInt8>(33...126) + Array<UInt8>(161...172) + Array<UInt8>(174...255)
        return printable + (0...255).filter { !printable.contains($0) }
    }()

    private static let bytes = Dictionary(uniqueKeysWithValues: zip(symbols, UInt8.min...UInt8.max))

    /// The bytes that a token of the vocabulary stands for; characters that are no symbols are left out.
    static func bytes(of token: some StringProtocol) -> [UInt8] { token.unicodeScalars.compactMap { bytes[$0] } }
}
