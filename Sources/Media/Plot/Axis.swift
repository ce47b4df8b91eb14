import Foundation

/// One axis of a plot: the range of its data, linear or logarithmic, and where its ticks are.
struct Axis {
    enum Scale {
        case linear
        /// Base 10; the range is positive.
        case logarithmic
    }

    struct Tick {
        var value: Double
        /// Empty for a tick between labelled ones.
        var label: String
    }

    let scale: Scale
    let range: ClosedRange<Double>

    init(_ range: ClosedRange<Double>, scale: Scale = .linear) {
        self.scale = scale
        self.range = range
    }

    /// An axis that holds all finite (on a logarithmic scale: positive) `values`, with a margin of a fraction of their
    /// range. Values beyond 1e100 say only that something went wrong; an axis that held them would show nothing else.
    init(holding values: some Sequence<Double>, scale: Scale = .linear, margin: Double) {
        let used = values.filter { abs($0) < 1e100 && (scale == .linear || $0 > 1e-100) }
        let low = used.min() ?? (scale == .linear ? 0 : 0.1)
        let high = used.max() ?? 1
        switch scale {
        case .linear:
            let pad = high > low ? (high - low) * margin : max(abs(low) * 0.5, 0.5)
            self.init(low - pad...high + pad)
        case .logarithmic:
            let factor = high > low ? pow(high / low, margin) : 2
            self.init(low / factor...high * factor, scale: .logarithmic)
        }
    }

    /// Where a value lies: 0 at the start of the axis, 1 at its end; not finite for a value that the scale has no place
    /// for.
    func position(_ value: Double) -> Double {
        switch scale {
        case .linear: (value - range.lowerBound) / (range.upperBound - range.lowerBound)
        case .logarithmic: (log(value) - log(range.lowerBound)) / (log(range.upperBound) - log(range.lowerBound))
        }
    }

    /// Ticks at round values, about `count` of them labelled.
    func ticks(_ count: Int) -> [Tick] {
        switch scale {
        case .linear: linearTicks(count)
        case .logarithmic: logarithmicTicks(count)
        }
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    private func linearTicks(_ count: Int) -> [Tick] {
        let rough = (range.upperBound - range.lowerBound) / Double(count)
        let power = pow(10, log10(rough).rounded(.down))
        guard power.isNormal else { return [] }
        let step = power * ([1.0, 2, 5].first { $0 * power >= rough } ?? 10)
        let first = (range.lowerBound / step).rounded(.up)
        let last = (range.upperBound / step).rounded(.down)
        guard last >= first, last - first < 1000 else { return [] }
        return stride(from: first, through: last, by: 1).map {
            Tick(value: $0 * step, label: Self.label($0 * step, step: step))
        }
    }

    /// Powers of ten, and their multiples: labelled too when there are less than three powers. Within less than one
    /// power, ticks are as on a linear axis.
    private func logarithmicTicks(_ count: Int) -> [Tick] {
        let decades = log10(range.upperBound) - log10(range.lowerBound)
        if decades < 0.7 { return linearTicks(count) }
        let first = Int(log10(range.lowerBound).rounded(.down))
        let last = Int(log10(range.upperBound).rounded(.up))
        let every = max(1, Int((decades / Double(count)).rounded(.up)))
        let labelled: Set<Int> = decades < 1.2 ? [1, 2, 3, 5, 7] : decades < 3 ? [1, 2, 5] : [1]
        return (first...last).flatMap { exponent in
            (1...9).compactMap { digit in
                let value = Double(digit) * pow(10, Double(exponent))
                guard range.contains(value), digit == 1 || decades < 6 else { return nil }
                let isLabelled = labelled.contains(digit) && exponent.isMultiple(of: every)
                return Tick(value: value, label: isLabelled ? Self.label(value, step: value) : "")
            }
        }
    }

    /// The shortest way to write a multiple of `step`: 0.25, 1500, 20k, 3M, 1e-7.
    static func label(_ value: Double, step: Double) -> String {
        let magnitude = Int(log10(step * 1.0000001).rounded(.down))
        if value == 0 { return "0" }
        if magnitude >= 9 || magnitude < -4 {
            let exponent = Int(log10(abs(value) * 1.0000001).rounded(.down))
            return decimal(value / pow(10, Double(exponent)), places: max(0, exponent - magnitude)) + "e\(exponent)"
        }
        if magnitude >= 6 { return decimal(value / 1e6, places: 0) + "M" }
        if magnitude >= 3 && abs(value) >= 1e4 { return decimal(value / 1e3, places: 0) + "k" }
        return decimal(value, places: max(0, -magnitude))
    }

    private static func decimal(_ value: Double, places: Int) -> String {
        let text = String(format: "%.\(places)f", value)
        return Double(text) == 0 ? String(text.drop { $0 == "-" }) : text
    }
}
