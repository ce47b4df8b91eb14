import TensorCore

/// Which captions pictures of `captioned_shapes` have, and which are kept to ask a trained model for.
extension ShapeCaption {
    /// Whether a colour and a shape are never together in a picture of the set, though each is, with others: cyan
    /// discs, red squares, white triangles and blue crosses; 4 of the 32 pairs.
    public static func isHeldOut(_ colour: NamedColour, _ shape: NamedShape) -> Bool {
        switch (colour, shape) {
        case (.cyan, .disc), (.red, .square), (.white, .triangle), (.blue, .cross): true
        default: false
        }
    }

    /// Whether it names a pair that no picture of the set shows.
    public var hasHeldOutPair: Bool { items.contains { Self.isHeldOut($0.colour, $0.shape) } }

    /// Whether no picture of the set has this very sentence, though all have its pairs: every eighth sentence or so, by
    /// the FNV-1a hash of its text (Fowler, Noll and Vo), folded to 32 bits.
    public var isHeldOut: Bool {
        let hash = description.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return (hash ^ hash >> 32) % 8 == 0
    }

    /// Captions to ask a trained model for.
    public enum Unseen: String, Sendable, CaseIterable {
        /// Sentences that no picture of the set has, of pairs that are in it.
        case seenPairs = "seen_pairs"
        /// Sentences with at least one pair of colour and shape that is not in it.
        case heldOutPairs = "held_out_pairs"
    }

    /// Captions that no picture of the set has, all different: a third each with one, two and three items, for as long
    /// as there are such.
    ///
    /// - Parameters:
    ///   - count: at most 100,000.
    ///   - seed: which ones; the first of many are those of fewer.
    public static func unseen(_ kind: Unseen, count: Int, seed: UInt64) -> [ShapeCaption] {
        precondition((0...100_000).contains(count), "more captions than can be told apart soon")
        var captions: [ShapeCaption] = []
        var known: Set<ShapeCaption> = []
        // The samples of a data set have step 0.
        var random = Philox(seed: seed, purpose: .dataset, step: 1)
        /// A further one; nil where a thousand draws give none.
        func next(_ items: Int) -> ShapeCaption? {
            for _ in 0..<1000 {
                let caption = any(items, &random)
                let fits = kind == .heldOutPairs ? caption.hasHeldOutPair : caption.isHeldOut && !caption.hasHeldOutPair
                if fits, known.insert(caption).inserted { return caption }
            }
            return nil
        }
        var counts = Array(1...3)
        while captions.count < count {
            for items in counts where captions.count < count {
                if let caption = next(items) { captions.append(caption) } else { counts.removeAll { $0 == items } }
            }
        }
        return captions
    }

    /// One that a picture of the set may have: as often with one, two and three items.
    static func seen(_ random: inout Philox) -> ShapeCaption {
        let items = 1 + random.integer(below: 3)
        while true {
            let caption = any(items, &random)
            if !caption.hasHeldOutPair, !caption.isHeldOut { return caption }
        }
    }

    /// One of the shapes that are drawn, held out or not. No two of its items have the same colour and shape; a third
    /// item lies across the line of the others.
    private static func any(_ items: Int, _ random: inout Philox) -> ShapeCaption {
        func choice<Element>(_ elements: [Element]) -> Element { elements[random.integer(below: elements.count)] }
        func item() -> Item {
            Item(choice([.small, .large, nil]), choice(NamedColour.allCases), choice(NamedShape.drawn))
        }
        var caption = ShapeCaption(item())
        while caption.items.count < items {
            let next = item()
            guard !caption.items.contains(where: { ($0.colour, $0.shape) == (next.colour, next.shape) }) else {
                continue
            }
            let first = caption.relations.first
            let across = Relation.allCases.filter { $0.isHorizontal != first?.isHorizontal }
            caption = caption.adding(choice(across), next)
        }
        return caption
    }
}
