import Foundation
import JobQueue
import JobSpec
import Problems
import Testing

/// Random histories against what must always hold.
@Suite struct QueueInvariantTests {
    /// A linear congruential generator (Knuth's MMIX constants): the same histories on every machine.
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    @Test(arguments: 0..<60) func randomHistories(seed: UInt64) throws {
        var random = Generator(state: seed)
        let policy = QueuePolicy(
            maxWorkers: Int.random(in: 1...3, using: &random), threads: 4, memory: 100, starvationLimit: 50,
            preempt: Bool.random(using: &random))
        var queue = QueueHarness(policy: policy)
        var accepted: [Int] = []
        var attempts: [Int: Int] = [:]

        for _ in 0..<400 {
            let before = queue
            let target = accepted.randomElement(using: &random) ?? 1
            do {
                switch Int.random(in: 0..<14, using: &random) {
                case 0, 1, 2:
                    let dependencies = Set(
                        accepted.shuffled(using: &random).prefix(Int.random(in: 0...1, using: &random)))
                    accepted.append(
                        try queue.add {
                            $0.priority = Int.random(in: -2...2, using: &random)
                            $0.waitsFor = dependencies
                            $0.threads = Int.random(in: 1...5, using: &random)
                            $0.timeLimit = Bool.random(using: &random) ? 40 : nil
                        })
                case 3, 4, 5, 6:
                    if let job = queue.alive.keys.sorted().randomElement(using: &random) {
                        try queue.end(job, Self.ends.randomElement(using: &random) ?? .succeeded)
                    }
                case 7: try queue.apply(.cancel(job: target))
                case 8: try queue.apply(.hold(job: target, by: "eve"))
                case 9: try queue.apply(.release(job: target))
                case 10: try queue.apply(.requeue(job: target))
                case 11: try queue.apply(.priority(job: target, Int.random(in: -2...2, using: &random)))
                case 12: try queue.advance(Double.random(in: 0...20, using: &random))
                default:
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: try queue.apply(.diskFull(Bool.random(using: &random)))
                    case 1: try queue.apply(.draining(Bool.random(using: &random)))
                    default:
                        // The daemon dies and reads its rows; what was full or drained is found out anew.
                        let state = queue.state
                        queue.state = QueueState(state.jobs.values.shuffled(using: &random), policy: policy)
                        try queue.apply(.recovered)
                    }
                }
            } catch {
                // A refused request leaves everything as it was.
                #expect(queue.state == before.state)
            }
            try check(queue, before: before, accepted: accepted, attempts: &attempts)
        }

        // Left alone, and with everything released, the queue empties.
        try queue.apply(.diskFull(false))
        try queue.apply(.draining(false))
        for _ in 0..<5_000 where !queue.state.jobs.isEmpty {
            for job in queue.state.jobs.values where job.state == .held { try queue.apply(.release(job: job.id)) }
            for job in queue.alive.keys.sorted() { try queue.end(job, .succeeded) }
            try queue.advance(100)
        }
        #expect(queue.state.jobs.isEmpty)
        #expect(queue.ended.count == accepted.count)
    }

    static let ends: [AttemptEnd] = [
        .succeeded, .checkpointed, .crashed("signal 11"), .lost, .failed(Problem(.invalid, "no"), peakMemory: nil),
        .failed(Problem(.unavailable, "not now"), peakMemory: nil), .failed(Problem(.outOfMemory, "no"), peakMemory: 9),
        .notStarted(Problem(.missing, "no worker")),
    ]

    private func check(
        _ queue: QueueHarness, before: QueueHarness, accepted: [Int], attempts: inout [Int: Int]
    ) throws {
        // Nothing is lost, nothing is in two places.
        for id in accepted {
            #expect((queue.state.jobs[id] != nil) != (queue.ended[id] != nil))
        }
        // What has ended stays so.
        for (id, job) in before.ended { #expect(queue.ended[id] == job) }
        // The queue knows of exactly the workers that live, within the pool.
        let running = queue.state.runningJobs
        #expect(running.reduce(into: [:]) { $0[$1.id] = $1.attempt } == queue.alive)
        #expect(running.count <= queue.state.policy.maxWorkers)
        #expect(queue.state.used.threads <= queue.state.policy.threads)
        // Each start is the next attempt of a job that had no worker.
        for case .start(let id, let attempt, _) in queue.lastEffects where queue.lastEffects != before.lastEffects {
            #expect(attempt == attempts[id, default: 0] + 1)
            attempts[id] = attempt
        }
        // Whatever waits says why, and nothing that could start waits.
        let waits = queue.state.waits(at: queue.now)
        for job in queue.state.jobs.values {
            #expect((waits[job.id] != nil) == (job.run == nil))
            #expect(waits[job.id] == queue.state.wait(for: job.id, at: queue.now))
        }
        if running.isEmpty, !queue.state.isDraining, !queue.state.isDiskFull {
            #expect(!waits.values.contains { $0.reason == .resources || $0.reason == .priority })
        }
    }
}
