import Foundation
import JobQueue
import JobSpec
import Problems
import Testing

@Suite struct QueueOrderTests {
    @Test func higherPriorityFirstThenLowerID() throws {
        var queue = QueueHarness()
        try queue.apply(.draining(true))
        let low = try queue.add { $0.priority = -1 }
        let first = try queue.add()
        let second = try queue.add()
        let urgent = try queue.add { $0.priority = 5 }
        #expect(queue.reason(first) == .draining)
        try queue.apply(.draining(false))
        var started: [Int] = []
        while let (job, _) = queue.alive.first {
            started.append(job)
            try queue.end(job, .succeeded)
        }
        #expect(started == [urgent, first, second, low])
    }

    @Test func aChangedPriorityChangesTheOrder() throws {
        var queue = QueueHarness()
        let running = try queue.add()
        let first = try queue.add()
        let second = try queue.add()
        #expect(queue.reason(first) == .resources)
        #expect(queue.reason(second) == .priority)
        try queue.apply(.priority(job: second, 1))
        #expect(queue.reason(second) == .resources)
        #expect(queue.state.queuePosition(of: second, at: queue.now) == 1)
        #expect(queue.state.queuePosition(of: first, at: queue.now) == 2)
        try queue.end(running, .succeeded)
        #expect(queue.alive == [second: 1])
    }

    @Test func aJobWaitsForTheSuccessOfOthers() throws {
        var queue = QueueHarness(policy: QueuePolicy(maxWorkers: 2, threads: 2))
        let one = try queue.add()
        let two = try queue.add()
        let dependent = try queue.add { $0.waitsFor = [one, two] }
        try queue.end(one, .succeeded)
        #expect(queue.reason(dependent) == .dependency)
        #expect(queue.state.wait(for: dependent, at: queue.now)?.waitsFor == [two])
        try queue.end(two, .succeeded)
        #expect(queue.alive == [dependent: 1])
        // Of one that has ended already.
        let late = try queue.add { $0.waitsFor = [one] }
        #expect(try queue.state(of: late) == .running)
    }

    @Test func aFailedDependencyHolds() throws {
        var queue = QueueHarness()
        let failing = try queue.add()
        let dependent = try queue.add { $0.waitsFor = [failing] }
        try queue.end(failing, .failed(Problem(.invalid, "no"), peakMemory: nil))
        #expect(try queue.state(of: dependent) == .held)
        #expect(queue.reason(dependent) == .dependencyFailed)
        // Requeued, it is waited for again.
        try queue.apply(.readmitted(queue.record(failing)))
        #expect(queue.reason(dependent) == .dependency)
        try queue.apply(.cancel(job: failing))
        try queue.end(failing, .checkpointed)
        #expect(queue.reason(dependent) == .dependencyFailed)
        // Released, it runs all the same.
        try queue.apply(.release(job: dependent))
        #expect(queue.alive == [dependent: 1])
    }

    @Test func holdAndNotBeforeKeepAJobFromStarting() throws {
        var queue = QueueHarness()
        let held = try queue.add { $0.phase = .held(Hold(.requested, "held by its job file")) }
        let date = queue.now + 100
        let later = try queue.add { $0.notBefore = date }
        #expect(queue.reason(held) == .held)
        #expect(queue.reason(later) == .notBefore)
        #expect(queue.state.nextDeadline(after: queue.now) == date)
        try queue.advance(100)
        #expect(queue.alive == [later: 1])
        try queue.end(later, .succeeded)
        try queue.apply(.release(job: held))
        #expect(queue.alive == [held: 1])
    }

    @Test func aFullDiskStopsStartsUntilThereIsSpace() throws {
        var queue = QueueHarness()
        try queue.apply(.diskFull(true))
        let job = try queue.add()
        #expect(queue.reason(job) == .diskFull)
        try queue.apply(.diskFull(false))
        #expect(queue.alive == [job: 1])
    }

    @Test func workersShareThePoolAndSmallJobsPassUntilStarvation() throws {
        let policy = QueuePolicy(maxWorkers: 4, threads: 4, memory: 100, starvationLimit: 60)
        var queue = QueueHarness(policy: policy)
        let running = try queue.add { $0.threads = 3 }
        let wide = try queue.add { $0.threads = 4 }
        let small = try queue.add { ($0.threads, $0.memory) = (1, 100) }
        #expect(queue.alive.keys.sorted() == [running, small])
        #expect(queue.state.used.threads == 4)
        #expect(queue.state.used.memory == 100)
        try queue.advance(60)
        try queue.end(small, .succeeded)
        let tooLate = try queue.add { $0.threads = 1 }
        #expect(try queue.state(of: tooLate) == .queued)
        try queue.end(running, .succeeded)
        #expect(queue.alive.keys.sorted() == [wide])
        // More than there is counts as all there is.
        try queue.end(wide, .succeeded)
        try queue.end(tooLate, .succeeded)
        let huge = try queue.add { ($0.threads, $0.memory) = (64, 1 << 40) }
        #expect(queue.state.jobs[huge]?.run?.threads == 4)
    }

    @Test func aHigherPriorityPreempts() throws {
        var queue = QueueHarness(policy: QueuePolicy(maxWorkers: 1, threads: 2, preempt: true))
        let low = try queue.add()
        let high = try queue.add { $0.priority = 1 }
        #expect(queue.lastEffects == [.terminate(job: low, attempt: 1)])
        let same = try queue.add { $0.priority = 1 }
        // Asked once only.
        #expect(queue.lastEffects == [])
        try queue.end(low, .checkpointed)
        #expect(queue.alive == [high: 1])
        try queue.end(high, .succeeded)
        #expect(queue.alive == [same: 1])
        try queue.end(same, .succeeded)
        #expect(queue.alive == [low: 2])
        #expect(try queue.record(low).crashes == 0)
    }
}
