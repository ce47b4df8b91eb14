internal import COpenBLAS
internal import Synchronization

/// Where tensors live and who computes them: a number of threads and a pool of buffers.
///
/// Every tensor keeps its device, so no operation needs a global one. Work is cut into chunks by the size of the
/// problem, never by the number of threads, and each chunk writes its own part of the result: the bits are the same for
/// any number of threads.
public final class Device: Sendable {
    /// How many chunks may be in work at once.
    public let threads: Int
    let pool: BufferPool
    private let team: ThreadTeam?
    /// What a rehearsal would have computed so far, as `forEach` counts work.
    private let rehearsed = Atomic(0)
    /// Whether nothing is computed: operations take and return memory as always, so that `memory` tells what a computation will
    /// need. Tensors then hold nothing.
    public let isRehearsal: Bool

    /// - Parameters:
    ///   - threads: at least 1; more than the machine has cores is allowed and changes no result.
    ///   - outOfMemory: called when the operating system has no more memory.
    public convenience init(threads: Int, outOfMemory: @escaping OutOfMemory.Handler = OutOfMemory.abort) {
        self.init(threads: threads, isRehearsal: false, outOfMemory)
    }

    /// A device that computes nothing.
    public static func rehearsal(outOfMemory: @escaping OutOfMemory.Handler = OutOfMemory.abort) -> Device {
        Device(threads: 1, isRehearsal: true, outOfMemory)
    }

    private init(threads: Int, isRehearsal: Bool, _ outOfMemory: @escaping OutOfMemory.Handler) {
        precondition(threads >= 1, "a device has at least one thread")
        self.threads = threads
        self.isRehearsal = isRehearsal
        self.pool = BufferPool(isRehearsal: isRehearsal, outOfMemory: outOfMemory)
        team = threads > 1 ? ThreadTeam(helpers: threads - 1) : nil
        // Products are partitioned by us; inside one call OpenBLAS stays on the calling thread.
        openblas_set_num_threads(1)
    }

    /// Which kernels OpenBLAS runs on this machine, for manifests: results agree bit for bit only where this agrees.
    public var matrixKernels: String { String(cString: openblas_get_corename()) }

    /// What the pool has handed out and holds.
    public var memory: MemoryStatistics { pool.statistics }

    /// Forgets the peak so far, so that the next phase measures its own.
    public func resetPeakMemory() { pool.resetPeak() }

    /// Returns buffers that nobody uses to the operating system.
    public func trim() { pool.trim() }

    /// What a rehearsal would have computed so far, in units of 16 multiply-adds, or of a number read or written. Memory
    /// is slower than that; where products are most of a computation, its time is about this many times that of a
    /// product's unit.
    public var rehearsedWork: Int { rehearsed.load(ordering: .relaxed) }

    /// Work for which it pays to share: about 10 microseconds of a core.
    private static let worthSharing = 1 << 16

    /// Runs `body` for every chunk in `0..<count`, on up to `threads` threads, in no particular order.
    ///
    /// `body` must write only what belongs to its chunk.
    ///
    /// - Parameter work: how many numbers are read or written in all, roughly, 16 multiply-adds counting as one. Little work stays
    ///   on the calling thread.
    func forEach(_ count: Int, work: Int = .max, _ body: (Int) -> Void) {
        if isRehearsal {
            if work < .max { rehearsed.wrappingAdd(work, ordering: .relaxed) }
            return
        }
        guard let team, count > 1, work >= Self.worthSharing else {
            for chunk in 0..<count { body(chunk) }
            return
        }
        let next = Atomic(0)
        // Chunks are disjoint by contract.
        nonisolated(unsafe) let body = body
        team.run(helpers: min(threads, count) - 1) {
            while true {
                let chunk = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard chunk < count else { return }
                body(chunk)
            }
        }
    }

    /// Cuts `0..<count` into runs of `grain` and runs `body` on each.
    func forEachRange(_ count: Int, grain: Int, work: Int = .max, _ body: (Range<Int>) -> Void) {
        guard count > grain else {
            if count > 0 { forEach(1, work: work) { _ in body(0..<count) } }
            return
        }
        forEach((count + grain - 1) / grain, work: work) { chunk in
            body(chunk * grain..<min(count, (chunk + 1) * grain))
        }
    }

    /// Cuts rows of `columns` elements each into runs of about a first-level cache's share, and runs `body` on each.
    func forEachRun(ofRows rows: Int, columns: Int = 1, _ body: (Range<Int>) -> Void) {
        forEachRange(rows, grain: max(1, Elementwise.grain / max(1, columns)), work: rows * columns, body)
    }

    /// Lends `count` floats, uninitialized, for the duration of `body`.
    func withScratch<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
        let buffer = pool.acquireScratch(count)
        defer { pool.releaseScratch(buffer) }
        return body(buffer.pointer)
    }
}

/// Bytes that a device's tensors occupy.
public struct MemoryStatistics: Sendable, Hashable {
    /// In tensors that are alive.
    public var used: Int
    /// Largest value of `used` since the start or the last reset.
    public var peak: Int
    /// Taken from the operating system, in use or waiting in the pool.
    public var held: Int
    /// How often the pool had to ask the operating system. Constant in a steady state.
    public var systemAllocations: Int
}
