import Foundation
import Media
import Problems

/// The synthetic shapes as a folder of PNGs, one class folder each, as a user would bring them.
public enum ShapesFolder {
    /// Writes `directory/disc/00000.png` and so on, `count` pictures in all; the directory is made.
    ///
    /// - Throws: a `Problem` that names the file that cannot be written.
    public static func write(
        to directory: String, count: Int, resolution: Int, channels: Int = 3, seed: UInt64 = 0
    ) throws {
        let images = ShapeImages(count: count, resolution: resolution, channels: channels, seed: seed)
        for index in 0..<count {
            let folder = URL(filePath: directory).appending(path: FlatShape.allCases[ShapeImages.label(index)].rawValue)
            let digits = String(index)
            let name = String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".png"
            let file = folder.appending(path: name)
            let bytes = try PNG.encode(images.image(index))
            do {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try Data(bytes).write(to: file)
            } catch {
                throw Problem(
                    .io, "a picture cannot be written", remedy: "Check the directory's permissions and free space.",
                    file: file.path(percentEncoded: false), cause: "\(error)")
            }
        }
    }
}
