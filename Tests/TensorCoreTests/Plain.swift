/// A dense array in double precision, for computations that are plain to see through and judge the fast ones.
struct Plain: Sendable {
    let shape: [Int]
    var values: [Double]

    init(_ shape: [Int], values: [Double]) {
        precondition(values.count == shape.reduce(1, *))
        self.shape = shape
        self.values = values
    }

    /// An array whose element at an index is `element(index)`.
    init(_ shape: [Int], _ element: (_ index: [Int]) -> Double) {
        self.init(shape, values: [Double](repeating: 0, count: shape.reduce(1, *)))
        var index = [Int](repeating: 0, count: shape.count)
        for place in values.indices {
            values[place] = element(index)
            for axis in shape.indices.reversed() {
                index[axis] += 1
                if index[axis] < shape[axis] { break }
                index[axis] = 0
            }
        }
    }

    var count: Int { values.count }

    subscript(_ index: [Int]) -> Double {
        get { values[place(of: index)] }
        set { values[place(of: index)] = newValue }
    }

    subscript(_ i: Int) -> Double { values[i] }
    subscript(_ i: Int, _ j: Int) -> Double { values[i * shape[1] + j] }
    subscript(_ i: Int, _ j: Int, _ k: Int) -> Double { values[(i * shape[1] + j) * shape[2] + k] }
    subscript(_ i: Int, _ j: Int, _ k: Int, _ l: Int) -> Double {
        values[((i * shape[1] + j) * shape[2] + k) * shape[3] + l]
    }

    /// Pixel (y, x) of an image; 0 outside.
    func pixel(_ n: Int, _ y: Int, _ x: Int, _ c: Int) -> Double {
        y >= 0 && y < shape[1] && x >= 0 && x < shape[2] ? self[n, y, x, c] : 0
    }

    /// The element that broadcasting (axes aligned at the right, extents of 1 stretched) puts at `index` of a larger array.
    func stretched(to index: [Int]) -> Double {
        let missing = index.count - shape.count
        return self[shape.indices.map { shape[$0] == 1 ? 0 : index[$0 + missing] }]
    }

    func map(_ body: (Double) -> Double) -> Plain { Plain(shape, values: values.map(body)) }

    /// The same elements under another shape.
    func viewed(_ shape: [Int]) -> Plain { Plain(shape, values: values) }

    func sum() -> Double { values.reduce(0, +) }

    private func place(of index: [Int]) -> Int {
        var place = 0
        for axis in shape.indices { place = place * shape[axis] + index[axis] }
        return place
    }
}
