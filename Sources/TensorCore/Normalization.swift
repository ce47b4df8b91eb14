internal import CKernels

/// What follows a group norm in the same pass over memory.
public enum NormActivation: Sendable, Hashable {
    case identity, silu
}

extension Tensor {
    /// Group normalization (Wu & He 2018) over groups of neighbouring channels, followed by an activation.
    ///
    /// - Parameters:
    ///   - weight: (C). `bias`: (C).
    ///   - groups: divides C.
    /// - Returns: shaped like the input (N, ..., C).
    public func groupNorm(
        weight: Tensor, bias: Tensor, groups: Int, epsilon: Float, activation: NormActivation = .identity
    ) -> Tensor {
        precondition(shape.last % groups == 0, "\(groups) groups do not divide \(shape.last) channels")
        precondition(weight.shape == [shape.last] && bias.shape == [shape.last])
        let (result, statistics) = GroupNorm.forward(
            self, weight: weight, bias: bias, groups: groups, epsilon: epsilon, activation: activation)
        return result.recorded(
            .groupNorm(groups: groups, activation: activation), inputs: [self, weight, bias],
            saving: [self, weight, bias, statistics])
    }

    /// The same with statistics that come from elsewhere; it has no gradient.
    ///
    /// - Parameters:
    ///   - weight: (C). `bias`: (C).
    ///   - statistics: means and reciprocal standard deviations (2, N, groups).
    public func groupNorm(
        weight: Tensor, bias: Tensor, statistics: Tensor, activation: NormActivation = .identity
    ) -> Tensor {
        precondition(
            statistics.shape.rank == 3 && statistics.shape[0] == 2 && statistics.shape[1] == shape[0]
                && shape.last % statistics.shape[2] == 0, "statistics \(statistics.shape) are not those of \(shape)")
        precondition(weight.shape == [shape.last] && bias.shape == [shape.last])
        precondition(!isRecorded, "a group norm with given statistics has no gradient")
        return GroupNorm.apply(
            self, weight: weight, bias: bias, statistics: statistics, groups: statistics.shape[2],
            activation: activation)
    }

    /// Layer normalization (Ba et al. 2016) of each innermost row.
    ///
    /// - Parameters:
    ///   - weight: (C) or nil for 1. `bias`: (C) or nil for 0; both or neither.
    public func layerNorm(weight: Tensor?, bias: Tensor?, epsilon: Float) -> Tensor {
        precondition((weight == nil) == (bias == nil), "a layer norm has weight and bias or neither")
        let (result, statistics) = LayerNorm.forward(self, weight: weight, bias: bias, epsilon: epsilon)
        return result.recorded(
            .layerNorm(epsilon: epsilon), inputs: [self] + [weight, bias].compactMap(\.self),
            saving: [self, statistics] + [weight, bias].compactMap(\.self))
    }
}

/// Group norm is computed for one sample at a time, its positions cut into chunks of a fixed size.
enum GroupNorm {
    private static let chunkSize = 1 << 15

    /// The result, and the means and reciprocal standard deviations (2, N, groups).
    static func forward(
        _ x: Tensor, weight: Tensor, bias: Tensor, groups: Int, epsilon: Float, activation: NormActivation
    ) -> (result: Tensor, statistics: Tensor) {
        let samples = x.shape[0]
        let channels = x.shape.last
        let positions = x.shape.elementCount(in: 1..<(x.shape.rank - 1))
        let statistics = Tensor(uninitialized: [2, samples, groups], on: x.device)
        let chunks = SampleChunks(x.shape, size: chunkSize, leastRows: 16)
        let device = x.device
        device.withDoubles(chunks.count * 2 * channels) { sums in
            device.forEach(chunks.count, work: x.elementCount) { index in
                let chunk = chunks[index]
                ck_group_norm_sums(sums + index * 2 * channels, x.pointer + chunk.offset, chunk.rows, channels)
            }
            for sample in 0..<samples {
                ck_group_norm_statistics(
                    statistics.pointer + sample * groups, statistics.pointer + (samples + sample) * groups,
                    sums + sample * chunks.perSample * 2 * channels, chunks.perSample, positions, channels, groups,
                    Double(epsilon))
            }
        }
        let result = apply(
            x, weight: weight, bias: bias, statistics: statistics, groups: groups, activation: activation)
        return (result, statistics)
    }

    /// The result, from an input whose statistics are known.
    static func apply(
        _ x: Tensor, weight: Tensor, bias: Tensor, statistics: Tensor, groups: Int, activation: NormActivation
    ) -> Tensor {
        let (samples, channels) = (x.shape[0], x.shape.last)
        let result = Tensor(uninitialized: x.shape, on: x.device)
        let chunks = SampleChunks(x.shape, size: chunkSize, leastRows: 16)
        let device = x.device
        device.withScratch(samples * 2 * channels) { coefficients in
            if device.isRehearsal { return }
            for sample in 0..<samples {
                let a = coefficients + sample * 2 * channels
                ck_group_norm_coefficients(
                    a, a + channels, statistics.pointer + sample * groups,
                    statistics.pointer + (samples + sample) * groups, weight.pointer, bias.pointer, nil, nil, channels,
                    groups)
            }
            device.forEach(chunks.count, work: x.elementCount) { index in
                let chunk = chunks[index]
                let a = coefficients + chunk.sample * 2 * channels
                ck_group_norm_apply(
                    result.pointer + chunk.offset, x.pointer + chunk.offset, a, a + channels, activation == .silu,
                    chunk.rows, channels)
            }
        }
        return result
    }

    /// Gradients to the input, weight and bias, where they are wanted.
    static func gradients(
        _ g: Tensor, input x: Tensor, weight: Tensor, bias: Tensor, statistics: Tensor, groups: Int,
        activation: NormActivation, wanted: [Bool]
    ) -> [Tensor?] {
        let samples = x.shape[0]
        let channels = x.shape.last
        let positions = x.shape.elementCount(in: 1..<(x.shape.rank - 1))
        let device = g.device
        let dx = wanted[0] ? Tensor(uninitialized: x.shape, on: device) : nil
        let dweight = wanted[1] ? Tensor(uninitialized: weight.shape, on: device) : nil
        let dbias = wanted[2] ? Tensor(uninitialized: bias.shape, on: device) : nil
        let chunks = SampleChunks(x.shape, size: chunkSize, leastRows: 16)
        device.withDoubles(chunks.count * 2 * channels) { sums in
            // Per sample: a, b, k1, k0, then its share of the gradients to weight and bias.
            device.withScratch(samples * 6 * channels) { scratch in
                for sample in 0..<samples {
                    let a = scratch + sample * 4 * channels
                    ck_group_norm_coefficients(
                        a, a + channels, statistics.pointer + sample * groups,
                        statistics.pointer + (samples + sample) * groups, weight.pointer, bias.pointer, nil, nil,
                        channels, groups)
                }
                device.forEach(chunks.count, work: x.elementCount) { index in
                    let chunk = chunks[index]
                    let a = scratch + chunk.sample * 4 * channels
                    ck_group_norm_backward_sums(
                        sums + index * 2 * channels, g.pointer + chunk.offset, x.pointer + chunk.offset, a,
                        a + channels, activation == .silu, chunk.rows, channels)
                }
                let shares = scratch + samples * 4 * channels
                for sample in 0..<samples {
                    let a = scratch + sample * 4 * channels
                    let share = shares + sample * 2 * channels
                    ck_group_norm_backward_coefficients(
                        a + 2 * channels, a + 3 * channels, share, share + channels, nil, nil,
                        sums + sample * chunks.perSample * 2 * channels, chunks.perSample,
                        statistics.pointer + sample * groups, statistics.pointer + (samples + sample) * groups,
                        weight.pointer, bias.pointer, nil, positions, channels, groups)
                }
                if let dx {
                    device.forEach(chunks.count, work: x.elementCount) { index in
                        let chunk = chunks[index]
                        let a = scratch + chunk.sample * 4 * channels
                        ck_group_norm_backward_apply(
                            dx.pointer + chunk.offset, g.pointer + chunk.offset, x.pointer + chunk.offset, a,
                            a + channels, a + 2 * channels, a + 3 * channels, activation == .silu, chunk.rows, channels)
                    }
                }
                if let dweight {
                    ck_column_sums(dweight.pointer, shares, 2 * channels, samples, channels, false)
                }
                if let dbias {
                    ck_column_sums(dbias.pointer, shares + channels, 2 * channels, samples, channels, false)
                }
            }
        }
        return [dx, dweight, dbias]
    }
}

enum LayerNorm {
    /// The result, and the rows' means and reciprocal standard deviations (2, rows).
    static func forward(
        _ x: Tensor, weight: Tensor?, bias: Tensor?, epsilon: Float
    ) -> (result: Tensor, statistics: Tensor) {
        let columns = x.shape.last
        let rows = columns == 0 ? 0 : x.elementCount / columns
        let result = Tensor(uninitialized: x.shape, on: x.device)
        let statistics = Tensor(uninitialized: [2, rows], on: x.device)
        x.device.forEachRun(ofRows: rows, columns: columns) { range in
            let first = range.lowerBound
            ck_layer_norm(
                result.pointer + first * columns, statistics.pointer + first, statistics.pointer + rows + first,
                x.pointer + first * columns, weight?.pointer, bias?.pointer, nil, nil, Double(epsilon), range.count,
                columns)
        }
        return (result, statistics)
    }

    /// Gradients to the input and, if there are any, to weight and bias, where they are wanted.
    static func gradients(
        _ g: Tensor, input x: Tensor, weight: Tensor?, statistics: Tensor, wanted: [Bool]
    ) -> [Tensor?] {
        let columns = x.shape.last
        let rows = statistics.shape[1]
        let device = g.device
        let dx = wanted[0] ? Tensor(uninitialized: x.shape, on: device) : nil
        let dweight = weight.flatMap { wanted[1] ? Tensor(uninitialized: $0.shape, on: device) : nil }
        let dbias = weight.flatMap { wanted[2] ? Tensor(uninitialized: $0.shape, on: device) : nil }
        let needsSums = dweight != nil || dbias != nil
        let height = max(1, Elementwise.grain / max(1, columns))
        let chunks = (rows + height - 1) / height
        device.withDoubles(needsSums ? max(1, chunks) * 2 * columns : 0) { sums in
            device.forEach(chunks, work: x.elementCount) { chunk in
                let first = chunk * height
                ck_layer_norm_backward(
                    dx.map { $0.pointer + first * columns }, needsSums ? sums + chunk * 2 * columns : nil,
                    g.pointer + first * columns, x.pointer + first * columns, statistics.pointer + first,
                    statistics.pointer + rows + first, weight?.pointer, nil, min(height, rows - first), columns)
            }
            if needsSums {
                ck_layer_norm_parameter_gradients(
                    dweight?.pointer, dbias?.pointer, nil, nil, sums, chunks, weight?.pointer, nil, nil, columns)
            }
        }
        return [dx] + (weight == nil ? [] : [dweight, dbias])
    }
}

extension Device {
    /// Lends `count` doubles, uninitialized.
    func withDoubles<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Double>) -> Result) -> Result {
        withScratch(2 * count) { floats in
            floats.withMemoryRebound(to: Double.self, capacity: count, body)
        }
    }
}
