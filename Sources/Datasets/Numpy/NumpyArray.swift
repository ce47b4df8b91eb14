public import Problems

/// What a `.npy` file holds: numbers, as far as statistics need them, or text.
public struct NumpyArray: Sendable, Hashable {
    public enum Content: Sendable, Hashable {
        /// In row-major order.
        case numbers([Double])
        case integer(Int)
        case text(String)
    }

    /// Empty for a single value.
    public let shape: [Int]
    public let content: Content

    /// Numbers in row-major order.
    public init(_ numbers: [Double], shape: [Int]) {
        precondition(numbers.count == shape.reduce(1, *), "\(numbers.count) numbers do not fill \(shape)")
        (self.shape, content) = (shape, .numbers(numbers))
    }

    public init(_ integer: Int) { (shape, content) = ([], .integer(integer)) }

    public init(_ text: String) { (shape, content) = ([], .text(text)) }
}

/// The format of numpy (NEP 1): a magic, a header that is a literal of a Python dictionary, and the elements.
extension NumpyArray {
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    private static let longestHeader = 1 << 16

    /// Reads a whole `.npy` file: floats of 2, 4 or 8 bytes, whole numbers of 1 to 8 and truth values, in either order
    /// of bytes, as the nearest Doubles; single texts.
    ///
    /// - Throws: a `Problem`: `corrupt`, or `unsupported` for other elements.
    public init(npy bytes: [UInt8]) throws(Problem) {
        guard bytes.count >= 12, bytes.starts(with: Self.magic) else { throw Self.damage("it does not begin as one") }
        // Version 1 has a length of two bytes.
        let width = bytes[6] == 1 ? 2 : 4
        let length = bytes.little(width, at: 8)
        let start = 8 + width + length
        guard (1...3).contains(bytes[6]), length <= Self.longestHeader, start <= bytes.count else {
            throw Self.damage("its header is cut off")
        }
        let header = try Header(String(decoding: bytes[8 + width..<start], as: UTF8.self))
        guard let kind = header.kind else { throw Self.unread(header.descriptor) }
        let elements = bytes[start...]
        var count = 1
        for extent in header.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow else { throw Self.damage("its shape \(header.shape) is too large") }
            count = product
        }
        let (size, overflow) = count.multipliedReportingOverflow(by: header.elementSize)
        guard !overflow, size == elements.count else {
            throw Self.damage("it has \(elements.count) bytes of elements, not those of \(header.shape)")
        }
        func bits(_ place: Int) -> UInt64 { bytes.bits(header.elementSize, at: place, isBig: header.isBig) }
        switch kind {
        case .float, .signed, .unsigned, .boolean:
            if kind == .signed || kind == .unsigned, count == 1,
                let integer = Int(exactly: header.number(bits(start)))
            {
                content = .integer(integer)
                break
            }
            let numbers = (0..<count).map { header.number(bits(start + $0 * header.elementSize)) }
            content = .numbers(header.isFortran ? Self.rowMajor(numbers, header.shape) : numbers)
        case .text where count == 1:
            var text = String.UnicodeScalarView()
            for place in stride(from: start, to: bytes.count, by: 4) {
                let value = UInt32(bytes.bits(4, at: place, isBig: header.isBig))
                if value == 0 { break }
                guard let scalar = Unicode.Scalar(value) else { throw Self.damage("its text is no text") }
                text.append(scalar)
            }
            content = .text(String(text))
        case .text: throw Self.unread("\(header.descriptor), several of them,")
        }
        shape = header.shape
    }

    /// Numbers whose first axis runs fastest, in the order in which the last does.
    private static func rowMajor(_ numbers: [Double], _ shape: [Int]) -> [Double] {
        guard shape.count > 1, !numbers.isEmpty else { return numbers }
        var strides = [1]
        for extent in shape.dropLast() { strides.append(strides[strides.count - 1] * extent) }
        return numbers.indices.map { index in
            var (rest, place) = (index, 0)
            for axis in shape.indices.reversed() {
                place += rest % shape[axis] * strides[axis]
                rest /= shape[axis]
            }
            return numbers[place]
        }
    }

    /// A `.npy` file of version 1.
    var npy: [UInt8] {
        var elements: [UInt8] = []
        let descriptor: String
        switch content {
        case .numbers(let numbers):
            descriptor = "<f8"
            elements.reserveCapacity(8 * numbers.count)
            for number in numbers {
                for byte in 0..<8 { elements.append(UInt8(truncatingIfNeeded: number.bitPattern >> UInt64(8 * byte))) }
            }
        case .integer(let integer):
            descriptor = "<i8"
            elements = (0..<8).map { UInt8(truncatingIfNeeded: integer >> (8 * $0)) }
        case .text(let text):
            descriptor = "<U\(max(1, text.unicodeScalars.count))"
            elements = text.unicodeScalars.flatMap { scalar in
                (0..<4).map { UInt8(truncatingIfNeeded: scalar.value >> UInt32(8 * $0)) }
            }
            if text.isEmpty { elements = [0, 0, 0, 0] }
        }
        // Python writes a tuple of one with a comma.
        let extents = shape.count == 1 ? "(\(shape[0]),)" : "(\(shape.map(String.init).joined(separator: ", ")))"
        var header = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': \(extents), }"
        header += String(repeating: " ", count: 63 - (header.utf8.count + 10) % 64) + "\n"
        let length = header.utf8.count
        return Self.magic + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + header.utf8 + elements
    }

    private static func unread(_ elements: String) -> Problem {
        Problem(
            .unsupported, "the array holds elements \(elements) which are not read",
            remedy: "Write it as float64: array.astype(\"<f8\").")
    }

    private static func damage(_ cause: String) -> Problem {
        Problem(.corrupt, "the array is damaged or no .npy file", remedy: "Write or fetch it again.", cause: cause)
    }

    /// `{'descr': '<f8', 'fortran_order': False, 'shape': (2048, 2048), }`.
    private struct Header {
        let descriptor: String
        let isFortran: Bool
        let shape: [Int]

        enum Kind {
            case float, signed, unsigned, boolean, text
        }

        let kind: Kind?
        /// Bytes of an element; 1 for a type that is not read.
        let elementSize: Int
        let isBig: Bool

        /// The number of an element's bits.
        func number(_ bits: UInt64) -> Double {
            switch (kind, elementSize) {
            case (.float, 2): Double(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))
            case (.float, 4): Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
            case (.float, _): Double(bitPattern: bits)
            case (.signed, _):
                // The sign is in the highest bit that is there.
                Double(Int64(truncatingIfNeeded: bits << UInt64(64 - 8 * elementSize)) >> Int64(64 - 8 * elementSize))
            default: Double(bits)
            }
        }

        /// `<f8`: order, kind and size of numpy's array protocol.
        private static func type(_ descriptor: String) -> (kind: Kind?, size: Int) {
            guard let order = descriptor.first, "<>|=".contains(order), let size = Int(descriptor.dropFirst(2)) else {
                return (nil, 1)
            }
            switch descriptor.dropFirst().first {
            case "f" where [2, 4, 8].contains(size): return (.float, size)
            case "i" where [1, 2, 4, 8].contains(size): return (.signed, size)
            case "u" where [1, 2, 4, 8].contains(size): return (.unsigned, size)
            case "b" where size == 1: return (.boolean, 1)
            case "U" where (1...65536).contains(size): return (.text, 4 * size)
            default: return (nil, 1)
            }
        }

        init(_ text: String) throws(Problem) {
            // Keys may stand in any order; none of the values holds a quote, a brace or another key.
            if text.contains(/'descr'\s*:\s*\[/) { throw NumpyArray.unread("of several fields") }
            guard let descriptor = text.firstMatch(of: /'descr'\s*:\s*'([^']{2,32})'/),
                let order = text.firstMatch(of: /'fortran_order'\s*:\s*(True|False)/),
                let shape = text.firstMatch(of: /'shape'\s*:\s*\(([0-9, ]*)\)/)
            else {
                throw NumpyArray.damage("its header says neither type nor shape: \(text.prefix(100))")
            }
            self.descriptor = String(descriptor.1)
            (kind, elementSize) = Self.type(self.descriptor)
            isBig = self.descriptor.first == ">"
            isFortran = order.1 == "True"
            let extents = shape.1.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
            guard extents.count <= 8 else { throw NumpyArray.damage("it has \(extents.count) axes") }
            var numbers: [Int] = []
            for extent in extents {
                guard let number = Int(extent) else { throw NumpyArray.damage("its shape is (\(shape.1))") }
                numbers.append(number)
            }
            self.shape = numbers
        }
    }
}

extension [UInt8] {
    /// The number of `width` bytes, up to 8, that begins at `offset`.
    fileprivate func bits(_ width: Int, at offset: Int, isBig: Bool) -> UInt64 {
        (0..<width).reduce(0) { $0 << 8 | UInt64(self[offset + (isBig ? $1 : width - 1 - $1)]) }
    }
}
