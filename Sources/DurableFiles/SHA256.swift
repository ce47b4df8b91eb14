import COpenSSL
import Problems

/// A SHA-256 sum (FIPS 180-4) that is fed piece by piece.
public struct SHA256: ~Copyable {
    /// 32 bytes.
    public struct Digest: Sendable, Hashable, CustomStringConvertible {
        public let bytes: [UInt8]

        /// 64 hexadecimal digits, as `sha256sum` prints them.
        public var description: String {
            let digits = Array("0123456789abcdef".utf8)
            return String(
                decoding: bytes.flatMap { [digits[Int(clamping: $0 >> 4)], digits[Int(clamping: $0 & 15)]] },
                as: UTF8.self)
        }
    }

    private let context: OpaquePointer

    public init() throws {
        context = try Self.makeContext()
    }

    public mutating func update(_ bytes: RawSpan) throws {
        try Self.check(bytes.withUnsafeBytes { EVP_DigestUpdate(context, $0.baseAddress, $0.count) })
    }

    public consuming func digest() throws -> Digest {
        var bytes = [UInt8](repeating: 0, count: 32)
        try Self.check(EVP_DigestFinal_ex(context, &bytes, nil))
        return Digest(bytes: bytes)
    }

    deinit {
        EVP_MD_CTX_free(context)
    }

    public static func digest(of bytes: RawSpan) throws -> Digest {
        var sum = try SHA256()
        try sum.update(bytes)
        return try sum.digest()
    }

    public static func digest(of bytes: [UInt8]) throws -> Digest {
        try digest(of: bytes.span.bytes)
    }

    /// The sum of a file's content, read in pieces.
    public static func digest(ofFile path: String) throws -> Digest {
        let file = try ReadableFile(path, followsLinks: true)
        var sum = try SHA256()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset = 0
        while true {
            let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
            try sum.update(buffer.span.bytes.extracting(first: count))
            offset += count
            if count < buffer.count { return try sum.digest() }
        }
    }

    private static func makeContext() throws -> OpaquePointer {
        guard let context = EVP_MD_CTX_new() else {
            throw Problem(.outOfMemory, "cannot start a SHA-256 sum", remedy: "Free some memory and try again")
        }
        do {
            try check(EVP_DigestInit_ex(context, EVP_sha256(), nil))
        } catch {
            EVP_MD_CTX_free(context)
            throw error
        }
        return context
    }

    private static func check(_ result: Int32) throws {
        guard result == 1 else {
            throw Problem(.internal, "libcrypto refuses to compute SHA-256", remedy: "Check the OpenSSL installation")
        }
    }
}
