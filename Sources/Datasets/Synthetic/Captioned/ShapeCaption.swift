/// A caption of the synthetic set `captioned_shapes`: one to three shapes, and where they are. Its grammar is fixed:
///
///     caption  = item | item relation item | item relation item ", both " relation item
///     item     = ("a" | "an") [size] colour shape
///     size     = "small" | "large"
///     relation = "left of" | "right of" | "above" | "below"
///
/// "a small red square left of a large blue disc, both above a green triangle".
public struct ShapeCaption: Sendable, Hashable {
    public enum Size: String, Sendable, CaseIterable {
        case small, large
    }

    public enum Relation: String, Sendable, CaseIterable {
        case left, right, above, below

        public var opposite: Relation {
            switch self {
            case .left: .right
            case .right: .left
            case .above: .below
            case .below: .above
            }
        }

        var isHorizontal: Bool { self == .left || self == .right }
        /// Whether what is there has the smaller coordinate.
        var isForward: Bool { self == .left || self == .above }
        fileprivate var words: String { isHorizontal ? "\(rawValue) of" : rawValue }
    }

    public struct Item: Sendable, Hashable {
        /// Nil: any.
        public var size: Size?
        public var colour: NamedColour
        public var shape: NamedShape

        public init(_ size: Size?, _ colour: NamedColour, _ shape: NamedShape) {
            (self.size, self.colour, self.shape) = (size, colour, shape)
        }
    }

    /// One to three.
    public private(set) var items: [Item]
    /// One less: where the first item is, seen from the second, and where both are, seen from the third.
    public private(set) var relations: [Relation] = []

    public init(_ item: Item) { items = [item] }

    /// With a second item, or a third, from which the others are in the direction of `relation`.
    ///
    /// - Precondition: the caption has room for one.
    public func adding(_ relation: Relation, _ item: Item) -> ShapeCaption {
        precondition(items.count < 3, "a caption names three shapes at most")
        var longer = self
        longer.items.append(item)
        longer.relations.append(relation)
        return longer
    }
}

extension ShapeCaption: CustomStringConvertible {
    public var description: String {
        var text = items[0].description
        for (number, relation) in relations.enumerated() {
            text += "\(number == 0 ? "" : ", both") \(relation.words) \(items[number + 1])"
        }
        return text
    }

    /// The caption that a text is; nil where it doesn't follow the grammar letter by letter.
    public init?(_ text: String) {
        var (items, relations): ([Item], [Relation]) = ([], [])
        var (size, colour): (Size?, NamedColour?) = (nil, nil)
        for word in text.split(whereSeparator: { $0 == " " || $0 == "," }).map(String.init) {
            size = Size(rawValue: word) ?? size
            colour = NamedColour(rawValue: word) ?? colour
            if let relation = Relation(rawValue: word) { relations.append(relation) }
            if let shape = NamedShape(rawValue: word), let named = colour {
                items.append(Item(size, named, shape))
                (size, colour) = (nil, nil)
            }
        }
        guard (1...3).contains(items.count), relations.count == items.count - 1 else { return nil }
        (self.items, self.relations) = (items, relations)
        // What was passed over above, or stood elsewhere, is missing here.
        guard description == text else { return nil }
    }
}

extension ShapeCaption.Item: CustomStringConvertible {
    public var description: String {
        let words = [size?.rawValue, colour.rawValue, shape.rawValue].compactMap(\.self).joined(separator: " ")
        return "\(words.hasPrefix("o") ? "an" : "a") \(words)"
    }
}
