/// The sole owner of a tensor's memory. Tensors share it; it returns to the pool with its last tensor.
final class Storage {
    let device: Device
    let pointer: UnsafeMutablePointer<Float>
    private let owner: Owner

    private enum Owner {
        case pool(Buffer)
        /// Memory that somebody else manages (a mapped file), kept alive with us and never written.
        case external(AnyObject)
        case file(FileMemory)
    }

    /// `count` floats, uninitialized.
    init(_ count: Int, on device: Device) {
        let buffer = device.pool.acquire(count)
        self.device = device
        self.pointer = buffer.pointer
        self.owner = .pool(buffer)
    }

    init(_ memory: FileMemory, on device: Device) {
        self.device = device
        pointer = memory.pointer
        owner = .file(memory)
    }

    init(external pointer: UnsafePointer<Float>, keptAliveBy owner: AnyObject, on device: Device) {
        self.device = device
        self.pointer = UnsafeMutablePointer(mutating: pointer)
        self.owner = .external(owner)
    }

    deinit {
        if case .pool(let buffer) = owner { device.pool.release(buffer) }
    }
}
