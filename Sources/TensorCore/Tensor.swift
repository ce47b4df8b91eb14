/// A dense array of 32-bit floats, innermost axis contiguous.
///
/// Images are channels-last (N, H, W, C), tokens (N, L, C). A tensor is a value: its elements never change once an
/// operation has returned it. If it is tracked by a `Tape`, what is computed from it is recorded there.
public struct Tensor {
    public let shape: Shape
    private(set) var storage: Storage
    /// Where in `storage` this tensor begins.
    let offset: Int
    /// Its place on a tape; nil for constants.
    var variable: Variable?

    struct Variable {
        let tape: Tape
        let node: Int
    }

    init(shape: Shape, storage: Storage, offset: Int = 0) {
        self.shape = shape
        self.storage = storage
        self.offset = offset
    }

    /// Uninitialized; for operations that write every element.
    init(uninitialized shape: Shape, on device: Device) {
        self.init(shape: shape, storage: Storage(shape.elementCount, on: device))
    }

    var pointer: UnsafeMutablePointer<Float> { storage.pointer + offset }

    public var device: Device { storage.device }
    public var elementCount: Int { shape.elementCount }

    /// The same elements, off the tape.
    public var detached: Tensor {
        var copy = self
        copy.variable = nil
        return copy
    }

    public var isTracked: Bool { variable != nil }

    /// Whether nobody else refers to its memory.
    mutating func isSoleOwner() -> Bool { isKnownUniquelyReferenced(&storage) }

    /// Whether what is computed from it is being recorded.
    var isRecorded: Bool { variable?.tape.isRecording ?? false }
}

// MARK: - Making and reading

extension Tensor {
    /// A tensor of the given values in row-major order.
    public init(_ values: [Float], shape: Shape, on device: Device) {
        precondition(values.count == shape.elementCount, "\(values.count) values do not fill \(shape)")
        self.init(uninitialized: shape, on: device)
        values.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
        }
    }

    public static func full(_ value: Float, shape: Shape, on device: Device) -> Tensor {
        let result = Tensor(uninitialized: shape, on: device)
        if !device.isRehearsal { result.pointer.update(repeating: value, count: result.elementCount) }
        return result
    }

    public static func zeros(_ shape: Shape, on device: Device) -> Tensor { full(0, shape: shape, on: device) }

    public static func ones(_ shape: Shape, on device: Device) -> Tensor { full(1, shape: shape, on: device) }

    public static func scalar(_ value: Float, on device: Device) -> Tensor { full(value, shape: [], on: device) }

    /// A tensor whose elements `body` writes, all of them.
    public init(
        shape: Shape, on device: Device, initializingWith body: (inout MutableSpan<Float>) throws -> Void
    ) rethrows {
        self.init(uninitialized: shape, on: device)
        var span = MutableSpan(_unsafeStart: pointer, count: elementCount)
        try body(&span)
    }

    /// A view of memory that belongs to somebody else, such as a mapped file; it is only ever read.
    ///
    /// - Parameter memory: `shape.elementCount` floats, valid and unchanged as long as `owner` lives.
    public init(
        viewing memory: UnsafePointer<Float>, shape: Shape, keptAliveBy owner: AnyObject, on device: Device
    ) {
        self.init(shape: shape, storage: Storage(external: memory, keptAliveBy: owner, on: device))
    }

    /// The elements in row-major order.
    public func array() -> [Float] {
        Array(UnsafeBufferPointer(start: pointer, count: elementCount))
    }

    /// Lends the elements in row-major order.
    public func withSpan<Result>(_ body: (Span<Float>) throws -> Result) rethrows -> Result {
        defer { withExtendedLifetime(storage) {} }
        return try body(Span(_unsafeStart: pointer, count: elementCount))
    }

    /// The only element of a tensor of one element.
    public var item: Float {
        precondition(elementCount == 1, "\(shape) is not a single element")
        return pointer.pointee
    }

    /// A tensor of its own memory with the same elements, off the tape.
    public func copy() -> Tensor {
        let result = Tensor(uninitialized: shape, on: device)
        if !device.isRehearsal { result.pointer.update(from: pointer, count: elementCount) }
        return result
    }
}

extension Tensor: CustomStringConvertible {
    public var description: String {
        let shown = (0..<Swift.min(8, elementCount)).map { String(pointer[$0]) }.joined(separator: ", ")
        return "Tensor\(shape) [\(shown)\(elementCount > 8 ? ", ..." : "")]"
    }
}
