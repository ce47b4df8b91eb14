import TestSupport
import Testing

/// Lengths around the widths of vectors and blocks.
let lengths = [0, 1, 3, 15, 16, 17, 63, 64, 65, 255, 257, 1000]

/// Numbers in memory at a chosen misalignment, between guards that show a write outside.
final class Block<Element: BitwiseCopyable> {
    let count: Int
    let pointer: UnsafeMutablePointer<Element>
    private let memory: UnsafeMutableRawBufferPointer
    private let start: Int
    private static var guardSize: Int { 256 }
    private static var guardByte: UInt8 { 0xa5 }

    init(_ values: [Element], misalignedBy elements: Int = 0) {
        count = values.count
        start = Self.guardSize + elements * MemoryLayout<Element>.stride
        let size = count * MemoryLayout<Element>.stride
        memory = .allocate(byteCount: start + size + Self.guardSize, alignment: 64)
        for i in memory.indices { memory[i] = Self.guardByte }
        pointer = (memory.baseAddress! + start).bindMemory(to: Element.self, capacity: count)
        pointer.update(from: values, count: count)
    }

    deinit { memory.deallocate() }

    var values: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    /// Whether nothing was written before the first or behind the last element.
    var isIntact: Bool {
        let end = start + count * MemoryLayout<Element>.stride
        return memory[..<start].allSatisfy { $0 == Self.guardByte }
            && memory[end...].allSatisfy { $0 == Self.guardByte }
    }
}

typealias Floats = Block<Float>

extension Block<Float> {
    /// Zeros.
    convenience init(count: Int, misalignedBy elements: Int = 0) {
        self.init([Float](repeating: 0, count: count), misalignedBy: elements)
    }

    /// Random numbers.
    convenience init(
        random count: Int, in range: ClosedRange<Float> = -2...2, seed: UInt64, misalignedBy elements: Int = 0
    ) {
        var generator = SeededGenerator(seed: seed)
        self.init(generator.floats(count, in: range), misalignedBy: elements)
    }

    var bits: [UInt32] { values.map(\.bitPattern) }
}

/// The first element that differs by more than relative |b| + absolute, or nil. Two NaN are equal, an infinity equals
/// only itself.
func disagreement(
    _ fast: [Float], _ reference: [Float], relative: Double = 1e-6, absolute: Double = 1e-37
) -> String? {
    guard fast.count == reference.count else { return "\(fast.count) elements for \(reference.count)" }
    for (i, (a, b)) in zip(fast, reference).enumerated() {
        if a == b || a.isNaN && b.isNaN { continue }
        if !(abs(Double(a) - Double(b)) <= relative * abs(Double(b)) + absolute) || b.isInfinite {
            return "element \(i) is \(a), the reference has \(b)"
        }
    }
    return nil
}

/// Tests that a kernel's outputs agree with the reference's.
func expectAgreement(
    _ fast: Floats, _ reference: Floats, relative: Double = 1e-6, absolute: Double = 1e-37, _ what: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let difference = disagreement(fast.values, reference.values, relative: relative, absolute: absolute)
    #expect(difference == nil, "\(what)", sourceLocation: sourceLocation)
    #expect(fast.isIntact, "\(what): a write outside", sourceLocation: sourceLocation)
}
