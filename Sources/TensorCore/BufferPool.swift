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

    private struct State {
        var free: [Int: [Buffer]] = [:]
        var statistics = MemoryStatistics(used: 0, peak: 0, held: 0, systemAllocations: 0)
    }

    private let state = Mutex(State())

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
        var raw: UnsafeMutableRawPointer?
        let status = posix_memalign(&raw, Self.alignment, bytes)
        guard status == 0, let raw else { OutOfMemory.exit(requested: bytes) }
        return Buffer(pointer: raw.bindMemory(to: Float.self, capacity: capacity), capacity: capacity)
    }

    func release(_ buffer: Buffer) {
        state.withLock { state in
            state.statistics.used -= buffer.capacity * MemoryLayout<Float>.stride
            state.free[buffer.capacity, default: []].append(buffer)
        }
    }

    var statistics: MemoryStatistics { state.withLock(\.statistics) }

    func resetPeak() { state.withLock { $0.statistics.peak = $0.statistics.used } }

    func trim() {
        let idle = state.withLock { state in
            let idle = state.free.values.flatMap(\.self)
            state.free = [:]
            state.statistics.held -= idle.reduce(0) { $0 + $1.capacity * MemoryLayout<Float>.stride }
            return idle
        }
        for buffer in idle { free(buffer.pointer) }
    }

    deinit {
        for buffer in state.withLock({ $0.free.values.flatMap(\.self) }) { free(buffer.pointer) }
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
