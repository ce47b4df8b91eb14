import TensorCore
import Testing

/// Tensors of many megabytes share their memory, whatever their sizes.
@Suite struct LargeBufferTests {
    private static let page = 1 << 21

    /// A tensor of that many huge pages, each element what `value` says.
    private func tensor(pages: Int, _ value: Float, on device: Device) -> Tensor {
        Tensor.zeros([pages * Self.page / 4], on: device) + value
    }

    @Test func memoryIsLentAgainInOtherSizes() {
        let device = Device(threads: 1)
        func held(_ sizes: [Int]) -> Int {
            let tensors = sizes.map { Tensor.zeros([$0 * Self.page / 4], on: device) }
            return withExtendedLifetime(tensors) { device.memory.held / Self.page }
        }
        #expect(held([12]) == 12)
        let first = device.memory.systemAllocations
        // Cut from it, and joined again.
        #expect(held([5, 4, 3]) == 12)
        #expect(held([8, 2]) == 12)
        #expect(held([12]) == 12)
        #expect(device.memory.systemAllocations == first)
        // Joined, with new memory for what is missing.
        #expect(held([3, 3]) == 12)
        #expect(held([17]) == 17)
        #expect(device.memory.systemAllocations == first + 1)
        device.trim()
        #expect(device.memory.held == 0)
    }

    @Test func noBufferTouchesAnother() throws {
        let device = Device(threads: 1)
        var random = Philox(seed: 3, purpose: .dataset, sample: 0)
        var alive: [(value: Float, tensor: Tensor)] = []
        var mostUsed = 0
        for step in 0..<200 {
            if alive.count > 4 || (!alive.isEmpty && random.integer(below: 3) == 0) {
                let (value, tensor) = alive.remove(at: random.integer(below: alive.count))
                let isWhole = tensor.array().allSatisfy { $0 == value }
                #expect(isWhole, "step \(step)")
            }
            let made = tensor(pages: 2 + random.integer(below: 7), Float(step), on: device)
            alive.append((Float(step), made))
            mostUsed = max(mostUsed, device.memory.used)
        }
        #expect(device.memory.held == device.memory.peak && device.memory.peak >= mostUsed)
    }

    /// A rehearsal tells what is held without holding it.
    @Test func rehearsalsCountTheSame() {
        func held(on device: Device) -> [Int] {
            [[9], [4, 4], [2, 2, 2, 2, 2], [11]].map { sizes in
                let tensors = sizes.map { Tensor.zeros([$0 * Self.page / 4 - 1], on: device) }
                return withExtendedLifetime(tensors) { device.memory.held }
            }
        }
        #expect(held(on: Device(threads: 1)) == held(on: .rehearsal()))
    }
}
