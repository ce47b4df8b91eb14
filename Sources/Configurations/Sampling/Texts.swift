public import StrictJSON

extension Form<String> {
    /// Any text, also the empty one.
    fileprivate static var text: Form {
        Form(
            schema: ["type": "string"],
            read: { node, path, report in node.string ?? report.mismatch(node, path, "a text") },
            write: { JSONNode(.string($0)) })
    }
}

extension Form<[String]> {
    /// A text, or a list of texts.
    public static var texts: Form {
        .either(
            .list(.text, count: 1...10_000), .text, isFirst: { $0.elements != nil }, { $0 }, { [$0] },
            write: { texts in
                texts.count == 1 ? JSONNode(.string(texts[0])) : JSONNode(.array(texts.map { JSONNode(.string($0)) }))
            })
    }
}
