internal import CKernels

/// A tensor kept in 16 bits an element, half of a `Tensor`'s memory. It is widened for each use, which is exact.
public struct HalfTensor {
    /// How an element is written.
    public enum Format: Sendable, Hashable {
        /// IEEE 754 binary16.
        case float16
        /// The upper half of binary32.
        case bfloat16
    }

    public let shape: Shape
    public let format: Format
    private let storage: Storage
    var device: Device { storage.device }

    /// Rounds each element to the nearest, to even where two are as near.
    public init(_ tensor: Tensor, as format: Format) {
        shape = tensor.shape
        self.format = format
        storage = Storage((tensor.elementCount + 1) / 2, on: tensor.device)
        let elements = elements
        tensor.device.forEachRun(ofRows: tensor.elementCount) { range in
            let (to, from) = (elements + range.lowerBound, tensor.pointer + range.lowerBound)
            switch format {
            case .float16: ck_half_from_float(to, from, range.count)
            case .bfloat16: ck_bfloat16_from_float(to, from, range.count)
            }
        }
    }

    /// The elements as a tensor of its own memory.
    public func widened() -> Tensor {
        let result = Tensor(uninitialized: shape, on: storage.device)
        storage.device.forEachRun(ofRows: result.elementCount) { widen($0, into: result.pointer + $0.lowerBound) }
        return result
    }

    /// Writes the elements `range`.
    func widen(_ range: Range<Int>, into floats: UnsafeMutablePointer<Float>) {
        switch format {
        case .float16: ck_float_from_half(floats, elements + range.lowerBound, range.count)
        case .bfloat16: ck_float_from_bfloat16(floats, elements + range.lowerBound, range.count)
        }
    }

    private var elements: UnsafeMutablePointer<UInt16> {
        UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(to: UInt16.self)
    }
}
