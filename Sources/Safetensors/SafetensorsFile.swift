import DurableFiles
public import Problems

/// A safetensors file that is open for reading. Opening reads and checks the header only; data are read when asked for.
///
/// Data are read, not mapped: weights are converted on their way into a model, so a mapping saves nothing, and a file that
/// is cut off in the meantime gives a `Problem` instead of a signal.
public final class SafetensorsFile: Sendable {
    public let path: String
    /// Free text that the writer left, such as `format`: `pt`.
    public let metadata: [String: String]
    public let tensors: [String: TensorInfo]

    private let file: ReadableFile

    /// - Throws: `Problem` `missing` or `denied` for the file, `corrupt` or `unsupported` for its header, naming the tensor.
    public init(_ path: String) throws {
        self.path = path
        file = try ReadableFile(path, followsLinks: true)
        let size = file.status.size
        let length = try Header.length(file.read(8, at: 0), fileSize: size, file: path)
        let header = try Header(json: file.read(length, at: 8), fileSize: size, file: path)
        metadata = header.metadata
        tensors = header.tensors
    }

    /// The tensors' names in the order of their data.
    public var names: [String] { tensors.sorted(by: Header.isBefore).map(\.key) }

    /// What the header says of a tensor; a `Problem` `missing` when it says nothing.
    public func info(_ name: String) throws(Problem) -> TensorInfo {
        if let info = tensors[name] { return info }
        throw Problem(
            .missing, "\(path) has no tensor \(name)", remedy: "Check that the file belongs to this model", file: path)
    }

    /// A tensor's bytes as they stand in the file: little-endian, last dimension fastest.
    public func bytes(_ name: String) throws -> [UInt8] {
        let info = try info(name)
        return try [UInt8](unsafeUninitializedCapacity: info.range.count) { buffer, count in
            try read(UnsafeMutableRawBufferPointer(buffer), at: info.range.lowerBound, of: name)
            count = info.range.count
        }
    }

    /// A tensor's numbers in row-major order. F16, BF16 and F8 widen exactly, F64 rounds to nearest.
    public func floats(_ name: String) throws -> [Float] {
        let info = try info(name)
        return try [Float](unsafeUninitializedCapacity: info.count) { buffer, count in
            try readFloats(name, from: 0, into: UnsafeMutableBufferPointer(rebasing: buffer[..<info.count]))
            count = info.count
        }
    }

    /// As many of `floats` as `span` has room for, from element `first` on.
    public func readFloats(_ name: String, from first: Int = 0, into span: inout MutableSpan<Float>) throws {
        try span.withUnsafeMutableBufferPointer { try readFloats(name, from: first, into: $0) }
    }

    private func readFloats(_ name: String, from first: Int, into buffer: UnsafeMutableBufferPointer<Float>) throws {
        let info = try info(name)
        precondition(
            first >= 0 && first + buffer.count <= info.count,
            "\(name) has \(info.count) elements, not \(first) + \(buffer.count)")
        let start = info.range.lowerBound + first * info.type.size
        switch info.type {
        case .float32: try read(UnsafeMutableRawBufferPointer(buffer), at: start, of: name)
        case .float16: try convert(name, at: start, into: buffer) { (value: Float16) in Float(value) }
        case .bfloat16:
            try convert(name, at: start, into: buffer) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
        case .float64: try convert(name, at: start, into: buffer) { (value: Double) in Float(value) }
        case .float8E4M3: try convert(name, at: start, into: buffer) { (bits: UInt8) in Float(e4m3: bits) }
        case .float8E5M2:
            // The upper half of a number of 16 bits.
            try convert(name, at: start, into: buffer) { (bits: UInt8) in
                Float(Float16(bitPattern: UInt16(bits) << 8))
            }
        default:
            throw Problem(
                .unsupported, "tensor \(name) of \(path) holds \(info.type.rawValue), not floating-point numbers",
                remedy: "Convert it to F32, F16 or BF16", file: path)
        }
    }

    /// The numbers of an I64 tensor in row-major order.
    public func integers(_ name: String) throws -> [Int64] {
        let info = try info(name)
        guard info.type == .int64 else {
            throw Problem(
                .unsupported, "tensor \(name) of \(path) holds \(info.type.rawValue), not I64",
                remedy: "Convert it to I64", file: path)
        }
        return try [Int64](unsafeUninitializedCapacity: info.count) { buffer, count in
            let part = UnsafeMutableBufferPointer(rebasing: buffer[..<info.count])
            try read(UnsafeMutableRawBufferPointer(part), at: info.range.lowerBound, of: name)
            count = info.count
        }
    }

    /// Reads elements piece by piece, so that a conversion needs little memory besides its result.
    private func convert<Element: BitwiseCopyable>(
        _ name: String, at start: Int, into buffer: UnsafeMutableBufferPointer<Float>, _ widen: (Element) -> Float
    ) throws {
        let pieceCount = 1 << 17
        try withUnsafeTemporaryAllocation(of: Element.self, capacity: min(pieceCount, buffer.count)) { piece in
            var done = 0
            while done < buffer.count {
                let part = piece[..<min(pieceCount, buffer.count - done)]
                try read(
                    UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: part)),
                    at: start + done * MemoryLayout<Element>.stride, of: name)
                for (offset, element) in part.enumerated() { buffer[done + offset] = widen(element) }
                done += part.count
            }
        }
    }

    private func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int, of name: String) throws {
        guard try file.read(into: buffer, at: offset) == buffer.count else {
            throw Problem(
                .corrupt, "\(path) was cut off while tensor \(name) was read",
                remedy: "Don't change a model's files while it is being loaded; download or export the file again",
                file: path)
        }
    }
}

extension Float {
    /// A number of 8 bits with 4 of exponent and 3 of mantissa, which knows no infinities (Micikevicius et al. 2022, "FP8 formats for
    /// deep learning", table 1).
    fileprivate init(e4m3 bits: UInt8) {
        let (exponent, mantissa) = (Int(bits >> 3 & 15), Float(bits & 7))
        let magnitude: Float =
            switch (exponent, bits & 7) {
            case (15, 7): .nan
            case (0, _): mantissa * 0x1p-9
            default: Float(sign: .plus, exponent: exponent - 7, significand: 1 + mantissa / 8)
            }
        self = bits & 0x80 == 0 ? magnitude : -magnitude
    }
}
