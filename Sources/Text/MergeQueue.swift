/// Joins that are possible, of which the first in their order comes first: a binary heap.
struct MergeQueue<Step: Comparable> {
    /// None is before the one at half its index.
    private var steps: [Step] = []

    mutating func push(_ step: Step) {
        steps.append(step)
        var child = steps.count - 1
        while child > 0, steps[child] < steps[(child - 1) / 2] {
            steps.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Step? {
        guard let first = steps.first else { return nil }
        let last = steps.removeLast()
        guard !steps.isEmpty else { return first }
        steps[0] = last
        var parent = 0
        while let child = [2 * parent + 1, 2 * parent + 2].filter({ $0 < steps.count }).min(by: {
            steps[$0] < steps[$1]
        }),
            steps[child] < steps[parent]
        {
            steps.swapAt(child, parent)
            parent = child
        }
        return first
    }
}
