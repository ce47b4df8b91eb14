import Glibc
import Problems

/// A directory of pictures as a video, in the order of their names, in which numbers count as numbers: 9 is before 10.
final class FrameFolder: FrameReader {
    private let directory: String
    private let names: [String]
    private let limits: VideoLimits
    private var position = 0

    private(set) var notes: [String] = []
    var rate: FrameRate? { nil }
    var times: FrameTimes? { nil }

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
                remedy: "Put pictures there, named in their order.", file: directory)
        }
        self.names = names.map(NumberedName.init).sorted().map(\.name)
    }

    func next() throws -> Image? {
        guard position < names.count else { return nil }
        defer { position += 1 }
        let name = names[position]
        return try ImageFile.read("\(directory)/\(name)", limits: limits.image) { notes.append("\(name): \($0)") }
    }

    /// Whether a file of this name is a frame.
    static func isFrame(_ name: String) -> Bool {
        !name.hasPrefix(".") && ImageFile.Format(name: name)?.isRead == true
    }

    static func isDirectory(_ path: String) throws -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileBytes.failure(path, errno) }
        return status.st_mode & S_IFMT == S_IFDIR
    }
}

/// A name as people order it: runs of digits by their numbers, the rest by its bytes; then by the bytes alone.
struct NumberedName: Comparable {
    let name: String
    private let parts: [Part]

    /// A number without its leading zeros, which may be of any length, or bytes between numbers.
    private enum Part: Equatable {
        case number([UInt8])
        case text([UInt8])
    }

    init(_ name: String) {
        self.name = name
        var parts: [Part] = []
        var rest = Array(name.utf8)[...]
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        while let first = rest.first {
            let run = rest.prefix { isDigit($0) == isDigit(first) }
            parts.append(isDigit(first) ? .number(Array(run.drop { $0 == 0x30 })) : .text(Array(run)))
            rest = rest.dropFirst(run.count)
        }
        self.parts = parts
    }

    static func == (a: NumberedName, b: NumberedName) -> Bool { a.name.utf8.elementsEqual(b.name.utf8) }

    static func < (a: NumberedName, b: NumberedName) -> Bool {
        guard let (one, other) = zip(a.parts, b.parts).first(where: { $0 != $1 }) else {
            return a.parts.count == b.parts.count
                ? a.name.utf8.lexicographicallyPrecedes(b.name.utf8) : a.parts.count < b.parts.count
        }
        switch (one, other) {
        case (.number(let x), .number(let y)):
            return x.count == y.count ? x.lexicographicallyPrecedes(y) : x.count < y.count
        case (.text(let x), .text(let y)): return x.lexicographicallyPrecedes(y)
        case (.number(let x), .text(let y)): return (x.first ?? 0x30) < (y.first ?? 0)
        case (.text(let x), .number(let y)): return (x.first ?? 0) < (y.first ?? 0x30)
        }
    }
}
