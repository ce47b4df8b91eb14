internal import Problems
internal import StrictJSON

/// Stands for keys of diffusers' classes of which one value only is computed here: their files have them, and one that
/// says another value is refused by that key's name.
public struct Fixed: Sendable, Hashable {
    public init() {}
}

extension Form<Fixed> {
    static func fixed(_ value: JSONNode) -> Form {
        Form(
            schema: ["enum": [value]],
            read: { node, path, report in
                let isSameNumber = node.number != nil && node.number == value.number
                if node == value || isSameNumber { return Fixed() }
                report.add(
                    "\(path.name) is \(node.kindDescription), which is not supported",
                    remedy: "diffd computes networks whose \(path.name) is \(value.kindDescription) only.", at: path,
                    node.place, code: .unsupported)
                return nil
            }, write: { _ in value })
    }
}
