import Media
import Problems
import Testing

@Suite("JPEG") struct JPEGTests {
    /// CMYK goes through one more rounding than the decoder.
    @Test(
        "grey, colour, progressive and CMYK as Pillow reads them",
        arguments: ["grey.jpg", "rgb_420.jpg", "rgb_444.jpg", "progressive.jpg", "cmyk.jpg"])
    func reads(name: String) throws {
        try Pictures.check(try ImageFile.decode(try Pictures.bytes(name)), name, within: name == "cmyk.jpg" ? 1 : 0)
    }

    @Test("Exif orientation", arguments: 1...8) func orientation(_ orientation: Int) throws {
        let name = "orientation_\(orientation).jpg"
        try Pictures.check(try ImageFile.decode(try Pictures.bytes(name)), name)
    }

    @Test("padding before the end marker is no damage") func padding() throws {
        var bytes = try Pictures.bytes("rgb_444.jpg")
        bytes.insert(contentsOf: [0, 0, 0], at: bytes.count - 2)
        try Pictures.check(try ImageFile.decode(bytes), "rgb_444.jpg")
    }

    @Test("Exif that makes no sense leaves the picture as it is") func badExif() throws {
        var bytes = try Pictures.bytes("orientation_6.jpg")
        let exif = try #require(bytes.indices.first { bytes[$0...].starts(with: "Exif\0\0".utf8) })
        for at in exif + 6..<exif + 10 { bytes[at] = 0xFF }
        let image = try ImageFile.decode(bytes)
        #expect(image.width == 16 && image.height == 8)
    }

    @Test("a precision of 12 bits is refused by name") func precision() throws {
        var bytes = try Pictures.bytes("grey.jpg")
        let frame = try #require(bytes.indices.first { bytes[$0...].starts(with: [0xFF, 0xC0] as [UInt8]) })
        bytes[frame + 4] = 12
        #expect { try ImageFile.decode(bytes) } throws: { error in
            (error as? Problem)?.code == .unsupported && "\(error)".contains("12 bits")
        }
    }
}
