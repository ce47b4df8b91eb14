import Foundation
import JobQueue
import JobSpec
import Problems
import Testing

@Suite struct QueueAttemptTests {
    /// How an attempt ends, under which stop request, and what becomes of the job.
    struct Case: Sendable, CustomTestStringConvertible {
        var end: AttemptEnd
        var request: QueueEvent?
        var state: JobState
        var attempts = 1

        var testDescription: String { "\(end) after \(request.map { "\($0)" } ?? "nothing") -> \(state)" }
    }

    static let passing = Problem(.unavailable, "the model is locked")
    static let lasting = Problem(.numerical, "loss is NaN at step 7")

    static let cases: [Case] = [
        Case(end: .succeeded, state: .succeeded),
        Case(end: .failed(lasting, peakMemory: nil), state: .failed),
        Case(end: .failed(Problem(.invalid, "bad"), peakMemory: nil), state: .failed),
        Case(end: .failed(passing, peakMemory: nil), state: .queued),
        Case(end: .failed(Problem(.outOfMemory, "no memory"), peakMemory: 1 << 31), state: .held),
        Case(end: .failed(Problem(.diskFull, "no space"), peakMemory: nil), state: .queued),
        Case(end: .checkpointed, state: .queued),
        Case(end: .crashed("signal 11"), state: .queued),
        // These start again at once.
        Case(end: .lost, state: .running, attempts: 2),
        Case(end: .checkpointed, request: .requeue(job: 1), state: .running, attempts: 2),
        Case(end: .crashed("signal 9"), request: .requeue(job: 1), state: .running, attempts: 2),
        Case(end: .notStarted(passing), state: .queued),
        Case(end: .checkpointed, request: .hold(job: 1, by: "eve"), state: .held),
        Case(end: .crashed("signal 9"), request: .hold(job: 1, by: "eve"), state: .held),
        Case(end: .checkpointed, request: .stopping, state: .queued),
        Case(end: .crashed("signal 9"), request: .stopping, state: .queued),
        Case(end: .checkpointed, request: .cancel(job: 1), state: .cancelled),
        Case(end: .crashed("signal 9"), request: .cancel(job: 1), state: .cancelled),
        Case(end: .failed(lasting, peakMemory: nil), request: .cancel(job: 1), state: .cancelled),
        // It had finished before the request reached it: that is the truth.
        Case(end: .succeeded, request: .cancel(job: 1), state: .succeeded),
    ]

    @Test(arguments: cases) func ending(_ example: Case) throws {
        var queue = QueueHarness()
        let id = try queue.add()
        if let request = example.request { try queue.apply(request) }
        try queue.end(id, example.end)
        #expect(try queue.state(of: id) == example.state)
        #expect(try queue.record(id).attempt == example.attempts)
        // Told twice, it changes nothing.
        let before = queue.state
        try queue.apply(.attemptEnded(job: id, attempt: 1, example.end))
        #expect(queue.state == before)
    }

    @Test func threeCrashesHoldTheJobAndTheQueueGoesOn() throws {
        var queue = QueueHarness()
        let poison = try queue.add()
        let other = try queue.add()
        for crash in 1...3 {
            try queue.end(poison, .crashed("signal 11"))
            if crash == 1 {
                #expect(queue.alive == [other: 1])
                #expect(queue.reason(poison) == .notBefore)
                try queue.end(other, .succeeded)
            }
            if crash < 3 {
                #expect(try queue.state(of: poison) == .queued)
                // The wait doubles.
                try queue.advance(5 * Double(crash) - 0.1)
                #expect(queue.alive.isEmpty)
                try queue.advance(0.2)
            }
        }
        #expect(try queue.state(of: poison) == .held)
        #expect(queue.state.wait(for: poison, at: queue.now)?.detail == "crashed 3 times")
        #expect(try queue.record(poison).error?.code == .crashed)
        try queue.apply(.release(job: poison))
        #expect(try queue.record(poison).crashes == 0)
        #expect(queue.alive == [poison: 4])
    }

    @Test func passingFailuresAreRetriedAsOftenAsAllowed() throws {
        var queue = QueueHarness()
        let id = try queue.add { $0.retries = 1 }
        try queue.end(id, .failed(Self.passing, peakMemory: nil))
        try queue.advance(5)
        try queue.end(id, .failed(Self.passing, peakMemory: nil))
        #expect(try queue.state(of: id) == .failed)
        #expect(try queue.record(id).error == Self.passing)
    }

    @Test func checkpointsCountNeitherAsCrashNorAsFailure() throws {
        var queue = QueueHarness()
        let id = try queue.add { $0.retries = 0 }
        for attempt in 1...10 {
            try queue.end(id, .checkpointed)
            try queue.advance(5)
            #expect(queue.alive == [id: attempt + 1])
        }
    }

    @Test func cancelIsRepeatableAndKillsAfterTheWait() throws {
        var queue = QueueHarness(policy: QueuePolicy(killWait: 30))
        let id = try queue.add()
        let next = try queue.add()
        try queue.apply(.cancel(job: id))
        #expect(queue.lastEffects == [.terminate(job: id, attempt: 1)])
        #expect(try queue.state(of: id) == .cancelling)
        try queue.advance(10)
        try queue.apply(.cancel(job: id))
        #expect(queue.lastEffects == [.terminate(job: id, attempt: 1)])
        #expect(queue.state.nextDeadline(after: queue.now) == queue.now + 20)
        try queue.advance(20)
        #expect(queue.lastEffects == [.kill(job: id, attempt: 1)])
        #expect(try queue.state(of: next) == .queued)
        try queue.end(id, .crashed("signal 9"))
        #expect(try queue.state(of: id) == .cancelled)
        #expect(queue.alive == [next: 1])
        // It cannot hit the next job.
        #expect(throws: Problem.self) { try queue.apply(.cancel(job: id)) }
        #expect(try queue.state(of: next) == .running)
    }

    @Test func aStrongerRequestReplacesAWeakerOne() throws {
        var queue = QueueHarness()
        let id = try queue.add()
        try queue.apply(.hold(job: id, by: "eve"))
        try queue.apply(.release(job: id))
        #expect(queue.state.jobs[id]?.run?.stop?.cause == .requeue)
        try queue.apply(.cancel(job: id))
        #expect(try queue.state(of: id) == .cancelling)
        #expect(throws: Problem.self) { try queue.apply(.hold(job: id, by: "eve")) }
        #expect(throws: Problem.self) { try queue.apply(.requeue(job: id)) }
    }

    @Test func theTimeLimitCountsAllAttempts() throws {
        var queue = QueueHarness()
        let id = try queue.add { $0.timeLimit = 100 }
        try queue.advance(60)
        try queue.apply(.requeue(job: id))
        try queue.end(id, .checkpointed)
        #expect(queue.state.nextDeadline(after: queue.now) == queue.now + 40)
        try queue.advance(40)
        #expect(queue.lastEffects == [.terminate(job: id, attempt: 2)])
        try queue.end(id, .checkpointed)
        #expect(try queue.state(of: id) == .failed)
        #expect(try queue.record(id).error?.message == "ended at its time limit of 100 s")
    }

    @Test func aStopSignalsAllAndStartsNothing() throws {
        var queue = QueueHarness(policy: QueuePolicy(maxWorkers: 2, threads: 2, checkpointWait: 300))
        let ids = try (1...3).map { _ in try queue.add() }
        try queue.apply(.stopping)
        #expect(queue.lastEffects == [.terminate(job: ids[0], attempt: 1), .terminate(job: ids[1], attempt: 1)])
        try queue.end(ids[0], .checkpointed)
        #expect(queue.alive == [ids[1]: 1])
        try queue.advance(300)
        #expect(queue.lastEffects == [.kill(job: ids[1], attempt: 1)])
        try queue.end(ids[1], .crashed("signal 9"))
        #expect(try ids.map { try queue.state(of: $0) } == [.queued, .queued, .queued])
    }

    @Test func signalsAreRepeatedAfterARestart() throws {
        var queue = QueueHarness()
        let id = try queue.add()
        try queue.apply(.cancel(job: id))
        // A new daemon reads the rows of the old one.
        queue.state = QueueState(Array(queue.state.jobs.values), policy: QueuePolicy())
        try queue.apply(.recovered)
        #expect(queue.lastEffects == [.terminate(job: id, attempt: 1)])
    }

    @Test("a job for which the disk is too small is held at last, unless it comes further each time")
    func tooLargeForTheDisk() throws {
        let full = AttemptEnd.failed(Problem(.diskFull, "1.4 GiB, and 40 MiB are free"), peakMemory: nil)
        var queue = QueueHarness(policy: QueuePolicy(retryBackoff: 1))
        let job = try queue.add { $0.retries = 0 }
        for count in 1...2 {
            try queue.end(job, full)
            #expect(try queue.record(job).state == .queued)
            try queue.advance(Double(count))
            #expect(try queue.record(job).attempt == count + 1)
        }
        try queue.end(job, full)
        #expect(try queue.record(job).state == .held)
        #expect(try queue.record(job).error?.message == "1.4 GiB, and 40 MiB are free")
        try queue.apply(.release(job: job))
        // A disk that others have filled is no fault of the job's.
        for _ in 1...9 {
            try queue.apply(.diskFull(true))
            try queue.end(job, full)
            try queue.apply(.diskFull(false))
            try queue.advance(1)
            #expect(try queue.record(job).state == .running)
        }
        for step in 1...9 {
            queue.alive[job] = nil
            try queue.apply(
                .attemptEnded(
                    job: job, attempt: queue.record(job).attempt, full,
                    progress: JobProgress(step: step, totalSteps: 100)))
            #expect(try queue.record(job).state == .queued)
            try queue.advance(10)
        }
    }
}
