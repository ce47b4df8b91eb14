internal import Foundation
internal import Media
internal import StrictJSON

/// What an evaluation has found: as JSON for programs, as Markdown for people, and as plots.
struct EvaluationReport {
    static let text = "report.md"

    private let title: String
    private(set) var members: [JSONNode.Member] = []
    private var texts: [String] = []
    private var plots: [(name: String, image: Image)] = []

    init(title: String) { self.title = title }

    mutating func add(_ measure: String, _ found: JSONNode) { members.append(.init(measure, found)) }
    mutating func addText(_ text: String) { texts.append(text) }
    mutating func add(_ plot: String, _ image: Image) { plots.append((plot, image)) }

    /// Writes `report.json`, `report.md` and the plots.
    func write(_ context: JobContext) throws {
        for (name, image) in plots { try context.write(PNG.encode(image), to: context.output(name)) }
        let text = "# \(title)\n\n" + texts.joined(separator: "\n")
        try context.write(Array(text.utf8), to: context.output(Self.text))
        try context.write(Array(JSONNode(.object(members)).text.utf8), to: context.output("report.json"))
        try context.event("report", ["file": JSONNode(.string("report.json"))])
    }

    /// Five digits, as people read them.
    static func number(_ value: Double) -> String { String(format: "%.5g", value) }
}
