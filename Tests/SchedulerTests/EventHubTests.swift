import ControlAPI
import Foundation
import JobSpec
import Scheduler
import Testing

@Suite("Events") struct EventHubTests {
    private static let start = Date(timeIntervalSince1970: 1_700_000_000)
    private static let first = 1_700_000_000_000

    private func job(_ id: Int) -> JobStatus {
        JobStatus(
            id: id, name: "a", kind: .train, state: .running, priority: 0, attempt: 1, submittedAt: Self.start,
            directory: "/a")
    }

    private func missed(_ hub: EventHub, after last: Int?) async -> (ids: [Int], isComplete: Bool) {
        var hub = hub
        let events = hub.listen(after: last) { _ in }
        hub.finish()
        var ids: [Int] = []
        for await event in events.stream { ids.append(event.job.id) }
        return (ids, events.isComplete)
    }

    @Test("that a reader has missed come again, save progress")
    func again() async {
        var hub = EventHub(startedAt: Self.start)
        hub.send(.state, job(1), at: Self.start)
        hub.send(.progress, job(2), at: Self.start)
        hub.send(.state, job(3), at: Self.start)
        #expect(await missed(hub, after: nil) == ([], true))
        #expect(await missed(hub, after: Self.first) == ([1, 3], true))
        #expect(await missed(hub, after: Self.first + 2) == ([3], true))
        #expect(await missed(hub, after: Self.first + 3) == ([], true))
    }

    @Test("of an earlier daemon, or of long ago, are told to be missing")
    func forgotten() async {
        var hub = EventHub(startedAt: Self.start)
        #expect(await missed(hub, after: Self.first - 1) == ([], false))
        #expect(await missed(hub, after: Self.first + 1) == ([], false))
        for id in 1...1000 { hub.send(.state, job(id), at: Self.start) }
        #expect(await missed(hub, after: Self.first) == ([], false))
        #expect(await missed(hub, after: Self.first + 936).ids == Array(937...1000))
        #expect(await missed(hub, after: Self.first + 936).isComplete)
    }
}
