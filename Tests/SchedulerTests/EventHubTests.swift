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

    private func missed(_ hub: EventHub, after last: Int?) async throws -> (ids: [Int], isComplete: Bool) {
        var hub = hub
        let events = hub.listen(after: last) { _ in }
        hub.finish()
        var ids: [Int] = []
        for try await event in events.stream { ids.append(event.job?.id ?? 0) }
        return (ids, events.isComplete)
    }

    @Test("that a reader has missed come again, save progress")
    func again() async throws {
        var hub = EventHub(startedAt: Self.start)
        hub.send(.state, job(1), at: Self.start)
        hub.send(.progress, job(2), at: Self.start)
        hub.send(.state, job(3), at: Self.start)
        #expect(try await missed(hub, after: nil) == ([], true))
        #expect(try await missed(hub, after: Self.first) == ([1, 3], true))
        #expect(try await missed(hub, after: Self.first + 2) == ([3], true))
        #expect(try await missed(hub, after: Self.first + 3) == ([], true))
    }

    @Test("of an earlier daemon, or of long ago, are told to be missing")
    func forgotten() async throws {
        var hub = EventHub(startedAt: Self.start)
        #expect(try await missed(hub, after: Self.first - 1) == ([], false))
        #expect(try await missed(hub, after: Self.first + 1) == ([], false))
        for id in 1...1000 { hub.send(.state, job(id), at: Self.start) }
        #expect(try await missed(hub, after: Self.first) == ([], false))
        #expect(try await missed(hub, after: Self.first + 936).ids == Array(937...1000))
        #expect(try await missed(hub, after: Self.first + 936).isComplete)
    }

    @Test("end for a reader that is too far behind, with what it had to read")
    func lost() async throws {
        var hub = EventHub(startedAt: Self.start)
        let (slow, quick) = (hub.listen(after: nil) { _ in }, hub.listen(after: nil) { _ in })
        var reader = quick.stream.makeAsyncIterator()
        for id in 1...300 {
            hub.send(.state, job(id), at: Self.start)
            #expect(try await reader.next()?.job?.id == id)
        }
        var seen = 0
        await #expect(throws: JobEvents.Lost.self) { for try await _ in slow.stream { seen += 1 } }
        #expect(seen == 256)
        hub.finish()
        #expect(try await reader.next() == nil)
    }
}
