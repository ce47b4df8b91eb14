import Foundation
import JobQueue
import JobSpec
import Problems
import Testing

@Suite struct ForecastTests {
    /// The starts and ends, in seconds from now, of jobs that take `seconds`.
    private func forecast(
        _ queue: QueueHarness, seconds: [Int: Double], horizon: Int = 1000
    ) -> [Int: (start: Double, end: Double?)] {
        Forecast(queue.state, at: queue.now, horizon: horizon) { seconds[$0.id] }.times.mapValues { times in
            (times.start.timeIntervalSince(queue.now), times.end?.timeIntervalSince(queue.now))
        }
    }

    @Test func jobsFollowEachOtherInOrder() throws {
        var queue = QueueHarness()
        let running = try queue.add()
        let later = try queue.add()
        let urgent = try queue.add { $0.priority = 1 }
        let times = forecast(queue, seconds: [running: 10, later: 20, urgent: 5])
        #expect(times[running]?.start == 0 && times[running]?.end == 10)
        #expect(times[urgent]?.start == 10 && times[urgent]?.end == 15)
        #expect(times[later]?.start == 15 && times[later]?.end == 35)
    }

    @Test func whatIsNotKnownIsNotTold() throws {
        var queue = QueueHarness(policy: QueuePolicy(maxWorkers: 2, threads: 2))
        let known = try queue.add()
        let unknown = try queue.add()
        let next = try queue.add()
        let last = try queue.add { $0.waitsFor = [unknown] }
        let held = try queue.add { $0.phase = .held(Hold(.requested, "")) }
        let times = forecast(queue, seconds: [known: 10, next: 1, last: 1, held: 1])
        #expect(times[unknown]?.start == 0 && times[unknown]?.end == .some(nil))
        #expect(times[next]?.start == 10)
        #expect(times[last] == nil && times[held] == nil)
    }

    @Test func timesAndPredecessorsAreWaitedFor() throws {
        var queue = QueueHarness(policy: QueuePolicy(maxWorkers: 3, threads: 3))
        let tomorrowsDate = queue.now + 86_400
        let first = try queue.add()
        let dependent = try queue.add { $0.waitsFor = [first] }
        let tomorrow = try queue.add { $0.notBefore = tomorrowsDate }
        let times = forecast(queue, seconds: [first: 7, dependent: 3, tomorrow: 2])
        #expect(times[dependent]?.start == 7 && times[dependent]?.end == 10)
        #expect(times[tomorrow]?.start == 86_400)
    }

    @Test func aJobThatGivesWayGoesOnAfterwards() throws {
        var queue = QueueHarness(policy: QueuePolicy(preempt: true))
        let soon = queue.now + 10
        let long = try queue.add()
        let urgent = try queue.add {
            $0.priority = 1
            $0.notBefore = soon
        }
        let times = forecast(queue, seconds: [long: 30, urgent: 5])
        #expect(times[urgent]?.start == 10 && times[urgent]?.end == 15)
        #expect(times[long]?.end == 35)
    }

    @Test func aDrainedQueueStartsNothingAndTheHorizonEnds() throws {
        var queue = QueueHarness()
        let jobs = try (0..<20).map { _ in try queue.add() }
        let seconds = Dictionary(uniqueKeysWithValues: jobs.map { ($0, 1.0) })
        #expect(forecast(queue, seconds: seconds, horizon: 5).count == 5)
        #expect(forecast(queue, seconds: seconds).count == 20)
        try queue.apply(.draining(true))
        #expect(forecast(queue, seconds: seconds).keys.sorted() == [jobs[0]])
    }
}
