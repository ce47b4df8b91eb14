internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#endif

/// A buffer lent by the pool.
struct Buffer: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Float>
    /// In floats: one of the pool's size classes, or whole huge pages.
    let capacity: Int

    var bytes: Int { capacity * MemoryLayout<Float>.stride }
}

/// Hands out aligned buffers and takes them back, so that a training step in its steady state allocates nothing.
///
/// At most an eighth of a buffer is unused. Most come in size classes that grow by an eighth of a power of two. Large ones are made of
/// huge pages, which are lent again in any size: large tensors are few and of many sizes, and classes would keep as many of
/// each as were ever in use at once. The same is true of scratch, of which any buffer will do that is large enough.
final class BufferPool: Sendable {
    /// Bytes; a cache line and the widest vector.
    static let alignment = 64
    /// Bytes of a large buffer, at least.
    private static let large = 2 * HugePages.size

    /// Whether a buffer is made of huge pages.
    private static func isLarge(_ capacity: Int) -> Bool {
        let bytes = capacity * MemoryLayout<Float>.stride
        return bytes >= large && bytes % HugePages.size == 0
    }

    private struct State: ~Copyable {
        /// Small buffers that nobody uses, by their capacity.
        var free: [Int: [Buffer]] = [:]
        /// Scratch that nobody uses, the smallest first.
        var scratch: [Buffer] = []
        /// Memory of large buffers that nobody uses; none in a rehearsal.
        var idlePages = IdlePages()
        /// Bytes of all large buffers that are in use, and of those with what is idle.
        var large = (used: 0, held: 0)
        /// All buffers of a rehearsal begin here.
        var rehearsal = Mapping()
        var statistics = MemoryStatistics(used: 0, peak: 0, held: 0, systemAllocations: 0)
    }

    private let state = Mutex(State())
    private let isRehearsal: Bool
    private let outOfMemory: OutOfMemory.Handler

    /// - Parameters:
    ///   - isRehearsal: whether to count only. All buffers are then the same memory, which can be touched but holds
    ///     nothing.
    ///   - outOfMemory: called when the operating system has no more memory.
    init(isRehearsal: Bool, outOfMemory: @escaping OutOfMemory.Handler) {
        self.isRehearsal = isRehearsal
        self.outOfMemory = outOfMemory
    }

    /// Floats of the smallest buffer that holds `count`.
    static func capacity(_ count: Int) -> Int {
        guard count > 256 else { return (max(count, 1) + 15) & ~15 }
        let step = 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount - 3)
        let sizeClass = (count + step - 1) & ~(step - 1)
        let page = HugePages.size / MemoryLayout<Float>.stride
        let pages = (count + page - 1) / page * page
        return isLarge(pages) && pages - count <= pages / 8 ? pages : sizeClass
    }

    func acquire(_ count: Int) -> Buffer {
        lend(Self.capacity(count)) { capacity, state in state.free[capacity]?.popLast() }
    }

    func release(_ buffer: Buffer) { takeBack(buffer) { $0.free[buffer.capacity, default: []].append(buffer) } }

    /// For work in between: where no idle buffer is large enough, the largest is replaced, so what is kept are as many as are in use at
    /// once.
    func acquireScratch(_ count: Int) -> Buffer {
        lend(Self.capacity(count)) { capacity, state in
            if let index = state.scratch.firstIndex(where: { $0.capacity >= capacity }) {
                return state.scratch.remove(at: index)
            }
            if let largest = state.scratch.popLast() { self.free(largest, &state) }
            return nil
        }
    }

    func releaseScratch(_ buffer: Buffer) {
        takeBack(buffer) { state in
            let index = state.scratch.firstIndex { $0.capacity >= buffer.capacity }
            state.scratch.insert(buffer, at: index ?? state.scratch.endIndex)
        }
    }

    /// A large buffer, a small one that `idle` finds, or a new small one.
    private func lend(_ capacity: Int, idle: (_ capacity: Int, inout State) -> Buffer?) -> Buffer {
        let buffer = state.withLock { state in
            let buffer =
                Self.isLarge(capacity) ? large(capacity, &state) : idle(capacity, &state) ?? small(capacity, &state)
            state.statistics.used += buffer?.bytes ?? 0
            state.statistics.peak = max(state.statistics.peak, state.statistics.used)
            return buffer
        }
        guard let buffer else { outOfMemory(capacity * MemoryLayout<Float>.stride) }
        return buffer
    }

    private func takeBack(_ buffer: Buffer, small: (inout State) -> Void) {
        state.withLock { state in
            state.statistics.used -= buffer.bytes
            guard Self.isLarge(buffer.capacity) else { return small(&state) }
            state.large.used -= buffer.bytes
            if !isRehearsal {
                state.idlePages.put(HugePages(start: buffer.pointer, count: buffer.bytes / HugePages.size))
            }
        }
    }

    /// Nil: the system has no more.
    private func large(_ capacity: Int, _ state: inout State) -> Buffer? {
        let bytes = capacity * MemoryLayout<Float>.stride
        state.large.used += bytes
        if state.large.used > state.large.held {
            state.statistics.count(taken: state.large.used - state.large.held)
            state.large.held = state.large.used
        }
        return Buffer(
            isRehearsal ? state.rehearsal.grown(to: bytes) : state.idlePages.take(bytes / HugePages.size)?.start,
            capacity: capacity)
    }

    /// Nil: the system has no more.
    private func small(_ capacity: Int, _ state: inout State) -> Buffer? {
        let bytes = capacity * MemoryLayout<Float>.stride
        state.statistics.count(taken: bytes)
        if isRehearsal { return Buffer(state.rehearsal.grown(to: bytes), capacity: capacity) }
        var raw: UnsafeMutableRawPointer?
        return posix_memalign(&raw, Self.alignment, bytes) == 0 ? Buffer(raw, capacity: capacity) : nil
    }

    /// Gives a small buffer back to the system.
    private func free(_ buffer: Buffer, _ state: inout State) {
        state.statistics.held -= buffer.bytes
        if !isRehearsal { Glibc.free(buffer.pointer) }
    }

    var statistics: MemoryStatistics { state.withLock { $0.statistics } }

    func resetPeak() { state.withLock { $0.statistics.peak = $0.statistics.used } }

    /// Gives what nobody uses back to the system.
    func trim() {
        state.withLock { state in
            for buffer in state.free.values.joined() { free(buffer, &state) }
            for buffer in state.scratch { free(buffer, &state) }
            (state.free, state.scratch) = ([:], [])
            state.idlePages.giveBack()
            state.statistics.held -= state.large.held - state.large.used
            state.large.held = state.large.used
        }
    }

    deinit { trim() }
}

extension Buffer {
    fileprivate init?(_ start: UnsafeMutableRawPointer?, capacity: Int) {
        guard let start else { return nil }
        self.init(pointer: start.bindMemory(to: Float.self, capacity: capacity), capacity: capacity)
    }
}

extension MemoryStatistics {
    fileprivate mutating func count(taken bytes: Int) {
        held += bytes
        systemAllocations += 1
    }
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
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let larger = mmap(nil, wanted, PROT_READ | PROT_WRITE, flags, -1, 0), larger != MAP_FAILED else {
            return nil
        }
        if let pointer { outgrown.append((pointer, size)) }
        (pointer, size) = (larger, wanted)
        return larger
    }

    deinit {
        for (pointer, size) in outgrown { munmap(pointer, size) }
        if let pointer { munmap(pointer, size) }
    }
}
