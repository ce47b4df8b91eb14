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
        let elements = elements
        storage.device.forEachRun(ofRows: result.elementCount) { range in
            let (to, from) = (result.pointer + range.lowerBound, elements + range.lowerBound)
            switch format {
            case .float16: ck_float_from_half(to, from, range.count)
            case .bfloat16: ck_float_from_bfloat16(to, from, range.count)
            }
        }
        return result
    }

    private var elements: UnsafeMutablePointer<UInt16> {
        UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(to: UInt16.self)
    }
}
