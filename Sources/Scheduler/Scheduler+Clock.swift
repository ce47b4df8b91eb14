import Foundation
import JobQueue
import Logging
import Problems

/// How long something takes is measured by the clock that nobody sets, which counts while the machine sleeps; at what
/// date it happens is told
/// by the system's clock. Both are kept together by moving the dates of pauses and attempts along when that one is set.
extension Scheduler {
    /// Seconds; less is how clocks are kept right, and adds up.
    private static let leastStep = 1.0

    /// Notices that the system's clock was set. Called before anything that compares times. What cannot be stored, on a
    /// full disk perhaps, is
    /// so in memory all the same.
    func followClock() {
        let offset = machine.now().timeIntervalSince1970 - machine.uptime() / .seconds(1)
        let step = offset - (clockOffset ?? offset)
        guard clockOffset == nil || abs(step) >= Self.leastStep else { return }
        clockOffset = offset
        var moved: [JobRecord] = []
        if abs(step) >= Self.leastStep {
            let direction = step > 0 ? "ahead" : "back"
            logger.notice("the system's clock was set \(direction) by \(Int(saturating: abs(step).rounded())) s")
            moved = state.moveClock(by: step)
            forecast = nil
        }
        attempt("keep how the clocks differ") { try store.setClockOffset(offset, moving: moved) }
    }

    /// Takes up the clocks of an earlier daemon since the same start of the machine.
    func recallClock(isSameBoot: Bool) throws {
        clockOffset = isSameBoot ? try store.value(of: .clockOffset).flatMap(Double.init) : nil
        if let offset = clockOffset, !offset.isFinite { clockOffset = nil }
        followClock()
    }
}
