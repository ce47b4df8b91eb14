import DurableFiles
import TestSupport
import Testing

@Suite struct SHA256Tests {
    /// NIST's examples of FIPS 180-4.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func examples(text: String, sum: String) throws {
        #expect(try SHA256.digest(of: Array(text.utf8)).description == sum)
    }

    /// A million times "a", longer than one piece when written thrice.
    @Test func filesAndPieces() throws {
        let directory = try TemporaryDirectory()
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        try PosixFileSystem().writeAtomically(million, to: directory("million"))
        #expect(
            try SHA256.digest(ofFile: directory("million")).description
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        try PosixFileSystem().writeAtomically(million + million + million, to: directory("more"))
        var sum = try SHA256()
        for _ in 0..<3 { try sum.update(million.span.bytes) }
        #expect(try sum.digest() == SHA256.digest(ofFile: directory("more")))
    }
}
