import TensorCore

extension OperationTable {
    static let resamplings: [OperationRow] = [
        upsampling("2", .samples(2, 4, 3, 5), factor: 2), upsampling("3", .samples(1, 3, 5, 17), factor: 3),
        upsampling("1", .samples(2, 3, 3, 2), factor: 1), upsampling("one pixel", .samples(3, 1, 1, 4), factor: 2),
        pooling("2", .samples(2, 4, 6, 3), size: 2), pooling("2, odd size", .samples(1, 7, 9, 5), size: 2),
        pooling("3", .samples(2, 6, 9, 17), size: 3), pooling("all of it", .samples(2, 4, 4, 3), size: 4),
    ]

    private static func upsampling(_ name: String, _ input: OperationRow.Input, factor: Int) -> OperationRow {
        OperationRow(
            .upsampleNearest, name, [input], compute: { $0[0].upsampledNearest(factor) },
            reference: { x in
                let shape = x[0].shape
                return Plain([shape[0], shape[1] * factor, shape[2] * factor, shape[3]]) {
                    x[0][$0[0], $0[1] / factor, $0[2] / factor, $0[3]]
                }
            })
    }

    private static func pooling(_ name: String, _ input: OperationRow.Input, size: Int) -> OperationRow {
        OperationRow(
            .averagePool, name, [input], compute: { $0[0].averagePooled(size) },
            reference: { x in
                let shape = x[0].shape
                return Plain([shape[0], shape[1] / size, shape[2] / size, shape[3]]) { i in
                    var sum = 0.0
                    for dy in 0..<size {
                        for dx in 0..<size { sum += x[0][i[0], i[1] * size + dy, i[2] * size + dx, i[3]] }
                    }
                    return sum / Double(size * size)
                }
            })
    }
}
