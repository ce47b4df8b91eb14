import DurableFiles
import Problems

/// A zip archive that is open for reading: stored and deflated members, without encryption and without the 64-bit extension.
struct ZipFile {
    struct Member {
        let name: String
        let isDeflated: Bool
        let packedSize: Int
        let size: Int
        let checksum: UInt32
        /// Of its own header.
        let offset: Int
    }

    let members: [Member]
    private let file: ReadableFile

    /// Directories of more bytes are refused.
    private static let largestDirectory = 1 << 24
    private static let (memberHeader, directoryEntry, endRecord) = (30, 46, 22)

    /// - Throws: a `Problem` that names the file: `missing`, `denied`; `corrupt` where it is damaged or no archive.
    init(_ path: String) throws {
        file = try ReadableFile(path, followsLinks: true)
        let size = file.status.size
        // The end record, behind which a comment may stand.
        let tail = try file.read(min(size, Self.endRecord + 65535), at: max(0, size - Self.endRecord - 65535))
        let places = stride(from: tail.count - Self.endRecord, through: 0, by: -1)
        guard let place = places.first(where: { tail.little(4, at: $0) == 0x0605_4B50 }) else {
            throw Self.damage(path, "it has no directory of its members")
        }
        let (length, offset) = (tail.little(4, at: place + 12), tail.little(4, at: place + 16))
        guard length <= Self.largestDirectory, offset <= size, length <= size - offset else {
            throw Self.damage(path, "its directory does not lie within it")
        }
        let directory = try file.read(length, at: offset)
        guard directory.count == length else { throw Self.damage(path, "it ends within its directory") }
        var members: [Member] = []
        var at = 0
        while at + Self.directoryEntry <= directory.count, directory.little(4, at: at) == 0x0201_4B50 {
            let nameLength = directory.little(2, at: at + 28)
            let end = at + Self.directoryEntry + nameLength
            guard end <= directory.count else { throw Self.damage(path, "its directory is cut off") }
            let method = directory.little(2, at: at + 10)
            let name = String(decoding: directory[at + Self.directoryEntry..<end], as: UTF8.self)
            guard method == 0 || method == 8, directory.little(2, at: at + 8) & 1 == 0 else {
                throw Problem(
                    .unsupported, "\(name) in the archive is packed in a way that is not read",
                    remedy: "Write it with numpy.savez or numpy.savez_compressed.", file: path)
            }
            members.append(
                Member(
                    name: name, isDeflated: method == 8, packedSize: directory.little(4, at: at + 20),
                    size: directory.little(4, at: at + 24), checksum: UInt32(directory.little(4, at: at + 16)),
                    offset: directory.little(4, at: at + 42)))
            at = end + directory.little(2, at: at + 30) + directory.little(2, at: at + 32)
        }
        self.members = members
    }

    var path: String { file.path }

    /// The content of a member.
    ///
    /// - Parameter limit: a larger one is refused unread.
    func read(_ member: Member, atMost limit: Int) throws -> [UInt8] {
        guard member.size <= limit, member.packedSize <= limit + 1024 else {
            throw Problem(
                .invalid, "\(member.name) in the archive has \(member.size) bytes, where \(limit) are allowed",
                remedy: "Name a file of statistics.", file: path)
        }
        let header = try file.read(Self.memberHeader, at: member.offset)
        guard header.count == Self.memberHeader, header.little(4, at: 0) == 0x0403_4B50 else {
            throw Self.damage(path, "\(member.name) is not where the directory says")
        }
        let start = member.offset + Self.memberHeader + header.little(2, at: 26) + header.little(2, at: 28)
        let packed = try file.read(member.packedSize, at: start)
        guard packed.count == member.packedSize else { throw Self.damage(path, "it ends within \(member.name)") }
        let bytes = member.isDeflated ? ZipData.inflated(packed, to: member.size) : packed
        guard let bytes, bytes.count == member.size, ZipData.checksum(bytes) == member.checksum else {
            throw Self.damage(path, "the checksum of \(member.name) differs")
        }
        return bytes
    }

    static func damage(_ path: String, _ cause: String) -> Problem {
        Problem(
            .corrupt, "the file is damaged or no .npz file", remedy: "Write or fetch it again.", file: path,
            cause: cause)
    }

    /// An archive of members as they are.
    static func encode(_ members: [(name: String, content: [UInt8])]) -> [UInt8] {
        var (bytes, directory): ([UInt8], [UInt8]) = ([], [])
        for (name, content) in members {
            let offset = bytes.count
            // Version 2.0, no flags, stored, 1 January 1980.
            let common =
                [UInt8]([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]) + Self.little(Int(ZipData.checksum(content)), 4)
                + Self.little(content.count, 4) + Self.little(content.count, 4) + Self.little(name.utf8.count, 2)
                + [0, 0]
            bytes += Self.little(0x0403_4B50, 4) + common + name.utf8 + content
            directory += Self.little(0x0201_4B50, 4) + [20, 0] + common + [UInt8](repeating: 0, count: 10)
            directory += Self.little(offset, 4) + name.utf8
        }
        let (offset, count) = (bytes.count, Self.little(members.count, 2))
        bytes += directory
        bytes += Self.little(0x0605_4B50, 4) + [0, 0, 0, 0] + count + count
        return bytes + Self.little(directory.count, 4) + Self.little(offset, 4) + [0, 0]
    }

    private static func little(_ number: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
}

extension [UInt8] {
    /// The unsigned number of `width` bytes that begins at `offset`, least byte first.
    func little(_ width: Int, at offset: Int) -> Int {
        self[offset..<offset + width].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
