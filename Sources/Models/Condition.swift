public import TensorCore

/// All that a denoiser receives about each sample beside x and the timestep. Each part that is present has one row for
/// each of N samples; with no part at all, it is the condition of a model that takes none.
///
/// Unconditional is a condition too: the null class, or the embedding of the empty prompt. Classifier-free guidance (Ho
/// & Salimans 2022) is between two of these.
public struct Condition {
    public enum Classes {
        /// N numbers, each below the model's number of classes.
        case numbers([Int])
        /// Vectors as wide as the model's time embedding (N, E).
        case vectors(Tensor)
    }

    /// What a text encoder makes of prompts.
    public struct Text {
        /// (N, S, D).
        public var tokens: Tensor
        /// How many tokens of each sample are attended to, from the first on; nil: all S.
        public var counts: [Int]?

        public init(tokens: Tensor, counts: [Int]? = nil) {
            precondition(tokens.shape.rank == 3, "tokens are (N, S, D), not \(tokens.shape)")
            precondition(counts.map { $0.count == tokens.shape[0] } ?? true, "one count for each sample")
            (self.tokens, self.counts) = (tokens, counts)
        }
    }

    public var classes: Classes?
    public var text: Text?
    /// A vector for each whole prompt (N, P).
    public var pooledText: Tensor?
    /// Numbers that are embedded as timesteps are: original sizes, crops, aesthetic scores (N, K).
    public var added: Tensor?
    /// Joined to the channels of x: a mask and masked latents, a low-resolution image, a first frame (N, ..., C').
    public var channels: Tensor?

    /// The condition of a model that takes none.
    public static var none: Condition { Condition() }

    public init() {}

    public init(classes numbers: [Int]) { classes = .numbers(numbers) }
}

extension Condition {
    /// Which parts a condition has, or a model takes.
    public struct Parts: OptionSet, Sendable, Hashable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        public static let classes = Parts(rawValue: 1)
        public static let text = Parts(rawValue: 2)
        public static let pooledText = Parts(rawValue: 4)
        public static let added = Parts(rawValue: 8)
        public static let channels = Parts(rawValue: 16)
    }

    public var parts: Parts {
        var parts: Parts = []
        if classes != nil { parts.insert(.classes) }
        if text != nil { parts.insert(.text) }
        if pooledText != nil { parts.insert(.pooledText) }
        if added != nil { parts.insert(.added) }
        if channels != nil { parts.insert(.channels) }
        return parts
    }

    /// The condition without parts other than these: data may say more than a model takes.
    public func keeping(_ parts: Parts) -> Condition {
        var kept = self
        if !parts.contains(.classes) { kept.classes = nil }
        if !parts.contains(.text) { kept.text = nil }
        if !parts.contains(.pooledText) { kept.pooledText = nil }
        if !parts.contains(.added) { kept.added = nil }
        if !parts.contains(.channels) { kept.channels = nil }
        return kept
    }
}

/// Rows: what belongs to one sample each.
extension Condition {
    /// N; nil where there is no part.
    public var count: Int? {
        switch classes {
        case .numbers(let numbers): return numbers.count
        case .vectors(let vectors): return vectors.shape[0]
        case nil: return text?.tokens.shape[0] ?? (pooledText ?? added ?? channels)?.shape[0]
        }
    }

    /// The rows of these numbers, in this order.
    public func rows(at indices: [Int]) -> Condition {
        var result = Condition()
        result.classes = classes.map { classes in
            switch classes {
            case .numbers(let numbers): .numbers(indices.map { numbers[$0] })
            case .vectors(let vectors): .vectors(vectors.rows(of: indices))
            }
        }
        result.text = text.map { text in
            Text(
                tokens: text.tokens.rows(of: indices), counts: text.counts.map { counts in indices.map { counts[$0] } })
        }
        result.pooledText = pooledText?.rows(of: indices)
        result.added = added?.rows(of: indices)
        result.channels = channels?.rows(of: indices)
        return result
    }

    /// A row for each of these samples, those of the condition over and over: sample i receives row i mod N.
    public func repeated(for samples: Range<Int>) -> Condition {
        guard let count else { return self }
        return rows(at: samples.map { $0 % count })
    }

    /// The rows of conditions that have the same parts, one after the other.
    public static func concatenated(_ conditions: [Condition]) -> Condition {
        guard let first = conditions.first else { return .none }
        precondition(conditions.allSatisfy { $0.parts == first.parts }, "conditions have different parts")
        func joined(_ part: (Condition) -> Tensor?) -> Tensor? {
            let tensors = conditions.compactMap(part)
            return tensors.isEmpty ? nil : .concatenated(tensors, axis: 0)
        }
        var result = Condition()
        switch first.classes {
        case .numbers: result.classes = .numbers(conditions.flatMap { $0.classNumbers ?? [] })
        case .vectors:
            let vectors = joined { if case .vectors(let vectors) = $0.classes { vectors } else { nil } }
            result.classes = vectors.map(Classes.vectors)
        case nil: break
        }
        result.text = joined { $0.text?.tokens }.map { tokens in
            // One without counts attends to all of its tokens.
            let isCounted = conditions.contains { $0.text?.counts != nil }
            let counts = conditions.flatMap { condition -> [Int] in
                guard let text = condition.text else { return [] }
                return text.counts ?? [Int](repeating: text.tokens.shape[1], count: text.tokens.shape[0])
            }
            return Text(tokens: tokens, counts: isCounted ? counts : nil)
        }
        result.pooledText = joined(\.pooledText)
        result.added = joined(\.added)
        result.channels = joined(\.channels)
        return result
    }

    /// The condition with some of its rows replaced by the only row of another one: condition dropout, which teaches a
    /// model to do without (Ho & Salimans 2022, algorithm 1, line 3).
    ///
    /// - Parameter isReplaced: for each row.
    public func replacingRows(where isReplaced: [Bool], by other: Condition) -> Condition {
        guard isReplaced.contains(true) else { return self }
        precondition(isReplaced.count == count && other.count == 1, "one row in the place of some of \(count ?? 0)")
        return .concatenated([self, other]).rows(
            at: isReplaced.indices.map { isReplaced[$0] ? isReplaced.count : $0 })
    }
}

/// As networks read it.
extension Condition {
    /// The numbers of the classes; nil where there are no classes or where they are vectors.
    package var classNumbers: [Int]? { if case .numbers(let numbers) = classes { numbers } else { nil } }

    /// x with the channels of the condition behind its own (N, ..., C + C').
    func joined(to x: Tensor) -> Tensor {
        channels.map { .concatenated([x, $0], axis: x.shape.rank - 1) } ?? x
    }
}

extension Tensor {
    /// The samples of these numbers (indices.count, ...).
    fileprivate func rows(of indices: [Int]) -> Tensor {
        let size = elementCount / max(1, shape[0])
        let rows = reshaped(to: [shape[0], size]).rows(at: indices)
        return rows.reshaped(to: Shape([indices.count] + Array(shape).dropFirst()))
    }
}
