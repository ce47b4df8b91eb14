import Models
import TensorCore
import Testing

/// One network is in memory at a time, and none is loaded before its phase.
@Suite struct PhasesTests {
    private let device = Device(threads: 1)

    private final class Count {
        var loads: [String] = []
        var alive: Set<String> = []
    }

    private final class Network {
        let name: String
        let count: Count
        let weights: Tensor
        init(_ name: String, _ count: Count, on device: Device) {
            (self.name, self.count) = (name, count)
            weights = .zeros([1 << 20], on: device)
            count.loads.append(name)
            count.alive.insert(name)
        }
        deinit { count.alive.remove(name) }
    }

    @Test func networksTakeTurns() throws {
        let (count, phases) = (Count(), Phases(on: device))
        let a = Component(of: phases) { [device] in Network("a", count, on: device) }
        let b = Component(of: phases) { [device] in Network("b", count, on: device) }
        #expect(count.loads.isEmpty)
        for _ in 0..<3 { #expect(try a().name == "a") }
        #expect(count.loads == ["a"] && count.alive == ["a"])
        #expect(try b().name == "b")
        #expect(count.alive == ["b"])
        // What the first held was given back before the second took its own.
        #expect(device.memory.held < 2 * (4 << 20))
        _ = try a()
        #expect(count.loads == ["a", "b", "a"] && count.alive == ["a"])
        phases.end()
        #expect(count.alive.isEmpty && device.memory.held == 0)
    }

    @Test func oneThatCannotBeLoadedLeavesNoneBehind() throws {
        struct Broken: Error {}
        let (count, phases) = (Count(), Phases(on: device))
        let a = Component(of: phases) { [device] in Network("a", count, on: device) }
        let broken = Component<Network>(of: phases) { throw Broken() }
        _ = try a()
        #expect(throws: Broken.self) { try broken() }
        #expect(count.alive.isEmpty)
        #expect(try a().name == "a" && count.loads == ["a", "a"])
    }

    @Test func oneThatStaysIsNeverReleased() throws {
        let (count, phases) = (Count(), Phases(on: device))
        let kept = Component(Network("kept", count, on: device))
        let other = Component(of: phases) { [device] in Network("other", count, on: device) }
        _ = (try kept(), try other(), try kept())
        #expect(count.alive == ["kept", "other"] && count.loads == ["kept", "other"])
    }
}
