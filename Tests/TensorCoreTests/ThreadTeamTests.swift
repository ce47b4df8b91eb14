import Foundation
import Synchronization
import TensorCore
import TestSupport
import Testing

/// Threads that compute beside the one that calls them.
@Suite struct ThreadTeamTests {
    /// Takes parts of a piece of work, each once.
    private final class Parts: Sendable {
        private let next = Atomic(0)
        private let done: [Counter]

        private final class Counter: Sendable {
            let value = Atomic(0)
        }

        init(_ count: Int) { done = (0..<count).map { _ in Counter() } }

        func take(_ each: () -> Void = {}) {
            while true {
                let part = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard part < done.count else { return }
                each()
                done[part].value.add(1, ordering: .relaxed)
            }
        }

        var areAllDoneOnce: Bool { done.allSatisfy { $0.value.load(ordering: .relaxed) == 1 } }
    }

    /// Many short rounds, with pauses in which helpers fall asleep and some that end as they do.
    @Test(arguments: [0, 1, 2, 7])
    func everyPartIsDoneOnce(helpers: Int) {
        let team = ThreadTeam(helpers: helpers)
        for round in 0..<3000 {
            let parts = Parts(1 + round % 5)
            team.run(helpers: helpers) { parts.take() }
            guard parts.areAllDoneOnce else {
                Issue.record("round \(round)")
                return
            }
            if round % 10 == 0 { usleep(UInt32(round % 200)) }
        }
    }

    @Test func helpersHelp() {
        let team = ThreadTeam(helpers: 2)
        let arrived = Atomic(0)
        // Ends only when three threads are within at once.
        team.run(helpers: 2) {
            arrived.add(1, ordering: .sequentiallyConsistent)
            while arrived.load(ordering: .sequentiallyConsistent) < 3 { usleep(10) }
        }
        #expect(arrived.load(ordering: .sequentiallyConsistent) == 3)
    }

    @Test func aCallFromWithinIsDoneByItsCaller() {
        let team = ThreadTeam(helpers: 2)
        let outer = Parts(50)
        let isInnerDone = Atomic(true)
        team.run(helpers: 2) {
            outer.take {
                let inner = Parts(20)
                team.run(helpers: 2) { inner.take() }
                if !inner.areAllDoneOnce { isInnerDone.store(false, ordering: .relaxed) }
            }
        }
        #expect(outer.areAllDoneOnce && isInnerDone.load(ordering: .relaxed))
    }

    @Test func severalThreadsShareATeam() async {
        let team = ThreadTeam(helpers: 1)
        let isDone = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    (0..<500).allSatisfy { _ in
                        let parts = Parts(3)
                        team.run(helpers: 1) { parts.take() }
                        return parts.areAllDoneOnce
                    }
                }
            }
            return await group.allSatisfy { $0 }
        }
        #expect(isDone)
    }

    /// A team that ends leaves no thread behind.
    @Test func threadsEndWithTheirTeam() async throws {
        func threads() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count }
        func compute() {
            let team = ThreadTeam(helpers: 40)
            let parts = Parts(100)
            team.run(helpers: 40) { parts.take() }
        }
        compute()
        let before = try threads()
        for _ in 0..<5 { compute() }
        try await eventually("the threads end") { try threads() <= before + 40 }
    }
}
