import Glibc
import Problems

/// A directory of PNG and JPEG files as a video, in the order of their names' bytes.
final class FrameFolder: FrameReader {
    private let directory: String
    private let names: [String]
    private let limits: VideoLimits
    private var position = 0

    var rate: FrameRate? { nil }
    var notes: [String] { [] }

    /// - Throws: `missing`, `denied` or `io` for a directory that cannot be listed; `corrupt` without pictures.
    init(_ directory: String, limits: VideoLimits) throws {
        self.directory = directory
        self.limits = limits
        guard let stream = opendir(directory) else { throw FileBytes.failure(directory, errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if Self.isFrame(name) { names.append(name) }
        }
        guard !names.isEmpty else {
            throw Problem(
                .corrupt, "the video has no frames: the directory holds no pictures",
                remedy: "Put PNG files there, named in their order.", file: directory)
        }
        self.names = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    func next() throws -> Image? {
        guard position < names.count else { return nil }
        defer { position += 1 }
        return try ImageFile.read("\(directory)/\(names[position])", limits: limits.image)
    }

    /// Whether a file of this name is a frame.
    static func isFrame(_ name: String) -> Bool {
        guard !name.hasPrefix("."), let format = ImageFile.Format(name: name) else { return false }
        return format == .png || format == .jpeg
    }

    static func isDirectory(_ path: String) throws -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileBytes.failure(path, errno) }
        return status.st_mode & S_IFMT == S_IFDIR
    }
}
