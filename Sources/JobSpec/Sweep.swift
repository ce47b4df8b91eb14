internal import Configurations
public import Problems
public import StrictJSON

/// The `sweep` of a sample job: one sample for each value of a key, or for each pair of values of two.
public struct Sweep: Described, Hashable {
    /// A key of the job and the values that it takes.
    public struct Axis: Described, Hashable {
        /// `guidance_scale`, or `sampler.steps`.
        public var key = "seed"
        public var values: [JSONNode] = []

        public init() {}

        public static let fields: [Field<Self>] = [
            Field(
                "key", \.key, .string(limit: 100), "The key: \(Sweep.keys.joined(separator: ", ")), or sampler.KEY.",
                required: true),
            Field("values", \.values, .list(Sweep.anything, count: 1...100), "Its values.", required: true),
        ]
    }

    public var columns = Axis()
    public var rows: Axis?

    public init() {}

    public static let fields: [Field<Self>] = [
        Field("columns", \.columns, .object, "The key that differs from column to column.", required: true),
        Field("rows", \.rows, .optional(.object), "The key that differs from row to row; null: one row."),
    ]

    /// Keys, beside those of the sampler, that leave the model and the number of samples as they are.
    fileprivate static let keys = [
        "seed", "class_labels", "guidance_scale", "guidance_rescale", "guidance_interval", "prompt",
        "negative_prompt", "clip_skip",
    ]

    fileprivate static let largest = 400

    /// Any value: what it means, the key that it is for says.
    private static let anything = Form<JSONNode>(
        schema: JSONNode(.object([])), read: { node, _, _ in JSONNode(node.content) }, write: { $0 })

    fileprivate var axes: [(name: String, axis: Axis)] { [("columns", columns)] + (rows.map { [("rows", $0)] } ?? []) }

    /// Number of samples.
    public var count: Int { columns.values.count * (rows?.values.count ?? 1) }
}

extension SampleJob {
    /// The jobs of the sweep's single samples, row by row; nil without a sweep.
    ///
    /// - Throws: what is wrong with the values.
    public func cells() throws(Problems) -> [SampleJob]? {
        guard let sweep else { return nil }
        var plain = self
        plain.sweep = nil
        // Left to the sampler that a cell names.
        let sweepsName = sweep.axes.contains { $0.axis.key == "sampler.name" }
        var cells: [SampleJob] = []
        for row in sweep.rows?.values.map(Optional.some) ?? [nil] {
            for column in sweep.columns.values {
                var node = plain.json
                if sweepsName, drawing.sampler.name == nil, drawing.sampler.steps == nil {
                    node = node.removing("sampler.steps")
                }
                node = node.replacing(sweep.columns.key, by: column)
                if let row, let rows = sweep.rows { node = node.replacing(rows.key, by: row) }
                var report = Report()
                let cell = SampleJob.read(node, into: &report)
                try report.check()
                if let cell { cells.append(cell) }
            }
        }
        return cells
    }

    func check(_ sweep: Sweep, _ checks: inout Checks) {
        if count != 1 {
            checks.fail(
                "count", and: ["sweep"], "count is \(count), but a sweep draws one sample for each of its values",
                remedy: "Leave count out, or sweep over \"seed\" too.")
        }
        for (name, axis) in sweep.axes where !isKnown(axis.key) {
            return checks.fail(
                "sweep.\(name).key", "a sweep cannot go over \"\(axis.key)\"",
                remedy: "Known: \(Sweep.keys.joined(separator: ", ")), and sampler.KEY for each KEY of the sampler.")
        }
        if let rows = sweep.rows, rows.key == sweep.columns.key {
            return checks.fail(
                "sweep.rows.key", and: ["sweep.columns"], "columns and rows are both \"\(rows.key)\"",
                remedy: "Give two keys, or columns alone.")
        }
        if sweep.count > Sweep.largest {
            return checks.fail(
                "sweep", "the sweep has \(sweep.count) samples, more than the \(Sweep.largest) that a grid shows",
                remedy: "Give fewer values.")
        }
        do throws(Problems) {
            _ = try cells()
        } catch {
            let problem = error.all[0]
            checks.fail(
                "sweep", and: Self.fields.map(\.key).filter { $0 != "sweep" },
                "one of the sweep's samples cannot be drawn: \(problem.path ?? ""): \(problem.message)",
                remedy: problem.remedy ?? "Change its values.")
        }
    }

    private func isKnown(_ key: String) -> Bool {
        let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2, parts[0] == "sampler" { return drawing.sampler.json.gives(parts[1]) }
        return Sweep.keys.contains(key)
    }
}

extension JSONNode {
    /// The object without a key of one of its members: `sampler.steps`.
    fileprivate func removing(_ key: String) -> JSONNode {
        let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
        guard let members else { return self }
        guard parts.count > 1 else { return JSONNode(.object(members.filter { $0.name != key })) }
        return JSONNode(
            .object(members.map { $0.name == parts[0] ? Member($0.name, $0.node.removing(parts[1])) : $0 }))
    }

    /// The object with another value for a key that it has, which may reach into members: `sampler.steps`.
    fileprivate func replacing(_ key: String, by value: JSONNode) -> JSONNode {
        let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
        guard let members else { return self }
        return JSONNode(
            .object(
                members.map { member in
                    guard member.name == parts[0] else { return member }
                    let new = parts.count > 1 ? member.node.replacing(parts[1], by: value) : value
                    return Member(member.name, new)
                }))
    }
}
