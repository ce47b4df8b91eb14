internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#endif

/// A buffer lent by the pool.
struct Buffer: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Float>
    /// In floats; one of the pool's size classes.
    let capacity: Int
}

/// Hands out aligned buffers and takes them back, so that a training step in its steady state allocates nothing.
///
/// Size classes grow by an eighth of a power of two: at most 12.5 % of a buffer is unused.
final class BufferPool: Sendable {
    /// Bytes; a cache line and the widest vector.
    static let alignment = 64

    private struct State: ~Copyable {
        var free: [Int: [Buffer]] = [:]
        /// All buffers of a rehearsal begin here.
        var rehearsal = Mapping()
        var statistics = MemoryStatistics(used: 0, peak: 0, held: 0, systemAllocations: 0)
    }

    private let state = Mutex(State())
    private let isRehearsal: Bool

    /// - Parameter isRehearsal: whether to count only. All buffers are then the same memory, which can be touched but holds nothing.
    init(isRehearsal: Bool) { self.isRehearsal = isRehearsal }

    /// The smallest size class, in floats, that holds `count`.
    static func sizeClass(_ count: Int) -> Int {
        guard count > 256 else { return (max(count, 1) + 15) & ~15 }
        let step = 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount - 3)
        return (count + step - 1) & ~(step - 1)
    }

    func acquire(_ count: Int) -> Buffer {
        let capacity = Self.sizeClass(count)
        let bytes = capacity * MemoryLayout<Float>.stride
        let pooled: Buffer? = state.withLock { state in
            state.statistics.used += bytes
            state.statistics.peak = max(state.statistics.peak, state.statistics.used)
            if let buffer = state.free[capacity]?.popLast() { return buffer }
            state.statistics.held += bytes
            state.statistics.systemAllocations += 1
            return nil
        }
        if let pooled { return pooled }
        let raw = isRehearsal ? state.withLock { $0.rehearsal.grown(to: bytes) } : SystemMemory.take(bytes)
        guard let raw else { OutOfMemory.exit(requested: bytes) }
        return Buffer(pointer: raw.bindMemory(to: Float.self, capacity: capacity), capacity: capacity)
    }

    func release(_ buffer: Buffer) {
        state.withLock { state in
            state.statistics.used -= buffer.capacity * MemoryLayout<Float>.stride
            state.free[buffer.capacity, default: []].append(buffer)
        }
    }

    var statistics: MemoryStatistics { state.withLock { $0.statistics } }

    func resetPeak() { state.withLock { $0.statistics.peak = $0.statistics.used } }

    func trim() {
        let idle = state.withLock { state -> [Buffer] in
            let idle = state.free.values.flatMap(\.self)
            state.free = [:]
            state.statistics.held -= idle.reduce(0) { $0 + $1.capacity * MemoryLayout<Float>.stride }
            return idle
        }
        giveBack(idle)
    }

    private func giveBack(_ buffers: [Buffer]) {
        guard !isRehearsal else { return }
        for buffer in buffers {
            SystemMemory.giveBack(buffer.pointer, buffer.capacity * MemoryLayout<Float>.stride)
        }
    }

    deinit { giveBack(state.withLock { $0.free.values.flatMap(\.self) }) }
}

/// Where the pool's buffers come from: large ones are mapped by themselves, so that they return to the system when they are given
/// back, in huge pages, so that a tensor needs few page faults and few entries of the CPU's address cache.
private enum SystemMemory {
    private static let hugePage = 1 << 21

    static func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
        guard bytes >= 2 * hugePage else {
            var raw: UnsafeMutableRawPointer?
            return posix_memalign(&raw, BufferPool.alignment, bytes) == 0 ? raw : nil
        }
        let size = whole(bytes)
        guard let start = map(size + hugePage, MAP_PRIVATE | MAP_ANONYMOUS) else { return nil }
        let before = (hugePage - Int(bitPattern: start) % hugePage) % hugePage
        if before > 0 { munmap(start, before) }
        if before < hugePage { munmap(start + before + size, hugePage - before) }
        // Advice; where the system has no huge pages, small ones do.
        _ = madvise(start + before, size, MADV_HUGEPAGE)
        return start + before
    }

    static func giveBack(_ pointer: UnsafeMutableRawPointer, _ bytes: Int) {
        if bytes >= 2 * hugePage { munmap(pointer, whole(bytes)) } else { free(pointer) }
    }

    static func map(_ bytes: Int, _ flags: Int32) -> UnsafeMutableRawPointer? {
        let start = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0)
        return start == MAP_FAILED ? nil : start
    }

    private static func whole(_ bytes: Int) -> Int { (bytes + 4095) & ~4095 }
}

/// Addresses without memory behind them until they are written: what is handed out in a rehearsal.
private struct Mapping: ~Copyable, @unchecked Sendable {
    private var pointer: UnsafeMutableRawPointer?
    private var size = 0
    /// Smaller ones, which buffers may still point to.
    private var outgrown: [(pointer: UnsafeMutableRawPointer, size: Int)] = []

    mutating func grown(to bytes: Int) -> UnsafeMutableRawPointer? {
        if bytes <= size { return pointer }
        let wanted = max(bytes, 2 * size, 1 << 24)
        guard let larger = SystemMemory.map(wanted, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE) else { return nil }
        if let pointer { outgrown.append((pointer, size)) }
        (pointer, size) = (larger, wanted)
        return larger
    }

    deinit {
        for (pointer, size) in outgrown { munmap(pointer, size) }
        if let pointer { munmap(pointer, size) }
    }
}

/// What happens when the operating system has no more memory: the process ends with a status that the daemon knows.
///
/// A tensor operation cannot fail in any other way, and unwinding a half-done step would need memory itself; the job's
/// state is on disk, and the worker is a process of its own, so ending it is the safe way out.
public enum OutOfMemory {
    /// The worker's exit status; the daemon holds such a job.
    public static let exitStatus: Int32 = 86

    static func exit(requested bytes: Int) -> Never {
        var message = Array("out of memory: \(bytes) bytes could not be had\n".utf8)
        _ = write(STDERR_FILENO, &message, message.count)
        _exit(exitStatus)
    }
}
