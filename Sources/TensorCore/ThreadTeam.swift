internal import CKernels
internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#endif

/// Threads that compute beside the one that calls them.
///
/// Many operations of a small network take less time than a sleeping thread takes to wake. So a thread that has nothing to do looks out for
/// more for a moment before it sleeps, and the caller waits for the others in the same way.
package final class ThreadTeam: Sendable {
    private let rounds: Rounds

    /// - Parameter helpers: threads beside the caller's. The team makes do with fewer where the system refuses them.
    package init(helpers: Int) {
        rounds = Rounds(helpers: helpers)
        for bed in rounds.beds { Helper(rounds: rounds, bed: bed).start() }
    }

    deinit { rounds.end() }

    /// Runs `body` on the calling thread, and meanwhile on helpers. Returns when all that began have ended.
    ///
    /// A call from within `body`, or while another thread has the team, runs on the calling thread alone.
    ///
    /// - Parameters:
    ///   - helpers: how many to wake at most.
    ///   - body: takes parts of the work until none is left, whether one thread runs it or all do.
    package func run(helpers: Int, _ body: () -> Void) { rounds.hold(waking: helpers, body) }
}

/// The work that a team does, one round after the other.
private final class Rounds: Sendable {
    /// Where a helper sleeps.
    final class Bed: Sendable {
        let isTaken = Atomic(false)
        let alarm = DispatchSemaphore(value: 0)

        func wake() {
            if isTaken.exchange(false, ordering: .sequentiallyConsistent) { alarm.signal() }
        }
    }

    let beds: [Bed]
    /// How many helpers are in the round (the low 16 bits), and twice the number of the round, 1 more while it may be entered.
    private let state = Atomic<UInt64>(0)
    private let isHeld = Atomic(false)
    private let hasEnded = Atomic(false)
    /// What the round does. Written only while no helper can enter one.
    nonisolated(unsafe) private var body: (() -> Void)?

    /// How often a thread looks before it sleeps or lets others run: for some 50 microseconds.
    private static let patience = 1000
    private static let helpersMask: UInt64 = (1 << 16) - 1

    init(helpers: Int) { beds = (0..<helpers).map { _ in Bed() } }

    func hold(waking helpers: Int, _ body: () -> Void) {
        guard !isHeld.exchange(true, ordering: .acquiring) else { return body() }
        // No helper is in the round when this ends, so `body` does not escape.
        withoutActuallyEscaping(body) { body in
            self.body = body
            turn()
            for bed in beds.prefix(helpers) { bed.wake() }
            body()
            turn()
            var looks = 0
            while state.load(ordering: .acquiring) & Self.helpersMask > 0 {
                looks += 1
                if looks < Self.patience { ck_pause() } else { sched_yield() }
            }
            self.body = nil
        }
        isHeld.store(false, ordering: .releasing)
    }

    /// Lets helpers enter a new round, or no more of them the one that was.
    private func turn() { state.add(Self.helpersMask + 1, ordering: .sequentiallyConsistent) }

    func end() {
        hasEnded.store(true, ordering: .sequentiallyConsistent)
        for bed in beds { bed.wake() }
    }

    /// A helper's life.
    func help(from bed: Bed) {
        var last: UInt64 = 0
        var looks = 0
        while !hasEnded.load(ordering: .acquiring) {
            if let round = enter(after: last) {
                perform()
                state.subtract(1, ordering: .releasing)
                (last, looks) = (round, 0)
            } else if looks < Self.patience {
                looks += 1
                ck_pause()
            } else {
                looks = 0
                bed.isTaken.store(true, ordering: .sequentiallyConsistent)
                // What began before the caller could see the helper asleep is seen here. If it has seen it, its alarm rings.
                let isWanted = mayEnter(after: last) || hasEnded.load(ordering: .sequentiallyConsistent)
                if isWanted, bed.isTaken.exchange(false, ordering: .sequentiallyConsistent) { continue }
                bed.alarm.wait()
            }
        }
    }

    /// A function of its own, so that nothing holds `body` when the helper leaves.
    @inline(never) private func perform() { body?() }

    /// Whether there is another round than `last`.
    private func mayEnter(after last: UInt64) -> Bool {
        Self.isOpen(state.load(ordering: .sequentiallyConsistent), after: last)
    }

    /// Enters another round than `last`, if there is one.
    private func enter(after last: UInt64) -> UInt64? {
        var seen = state.load(ordering: .acquiring)
        while Self.isOpen(seen, after: last) {
            let (exchanged, original) = state.weakCompareExchange(
                expected: seen, desired: seen + 1, ordering: .acquiring)
            if exchanged { return seen & ~Self.helpersMask }
            seen = original
        }
        return nil
    }

    private static func isOpen(_ state: UInt64, after last: UInt64) -> Bool {
        let round = state & ~helpersMask
        return round & (helpersMask + 1) != 0 && round != last
    }
}

/// A thread of its own: those of Dispatch are for work that ends.
private final class Helper {
    private let rounds: Rounds
    private let bed: Rounds.Bed

    init(rounds: Rounds, bed: Rounds.Bed) { (self.rounds, self.bed) = (rounds, bed) }

    func start() {
        var thread = pthread_t()
        let helper = Unmanaged.passRetained(self)
        let status = pthread_create(
            &thread, nil,
            { argument in
                let helper = Unmanaged<Helper>.fromOpaque(argument!).takeRetainedValue()
                helper.rounds.help(from: helper.bed)
                return nil
            }, helper.toOpaque())
        if status == 0 { pthread_detach(thread) } else { helper.release() }
    }
}
