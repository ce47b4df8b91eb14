/// What a decoder delivers of a file: pixels as they are stored, and what the file says of how they are to be seen.
struct DecodedImage {
    /// As it is stored, alpha included.
    var image: Image
    var orientation = Orientation.topLeft
    /// An ICC profile; nil: sRGB.
    var profile: [UInt8]?
    /// What was odd about the file, or left out of it, though the picture is whole. Sentences without their subject,
    /// the file.
    var warnings: [String] = []

    /// The picture in sRGB, as the scene was.
    func seen(warn: (String) -> Void) -> Image {
        for warning in warnings { warn(warning) }
        var image = image
        if let profile {
            if let converted = image.converted(fromProfile: profile) {
                image = converted
            } else {
                warn("has a colour profile that does not fit its pixels, which are taken as sRGB")
            }
        }
        return image.upright(from: orientation)
    }
}
