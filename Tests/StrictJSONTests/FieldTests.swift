import Problems
import StrictJSON
import Testing

private enum Colour: String, CaseIterable, Sendable { case red, green, blue }

private struct Disc: Described, Equatable {
    var radius = 1.0
    var colours: [Colour] = [.red]
    static let fields: [Field<Self>] = [
        Field("radius", \.radius, .number(above: 0, upTo: 10), "Radius."),
        Field("colours", \.colours, .list(.choice(aliases: ["azure": .blue]), count: 1...3), "Colours."),
    ]
}

private struct Square: Described, Equatable {
    var side = 0
    var half: Int?
    static let fields: [Field<Self>] = [
        Field("side", \.side, .integer(in: 1...100), "Length of a side.", required: true),
        Field("half", \.half, .optional(.integer(in: 0...50)), "Half of it."),
    ]
    mutating func complete(from node: JSONNode) { if !node.gives("half") { half = side / 2 } }
    func validate(_ checks: inout Checks) {
        if let half, half * 2 > side { checks.fail("half", and: ["side"], "half is too much", remedy: "Lower it.") }
    }
}

private enum Figure: Sendable, Equatable {
    case disc(Disc)
    case square(Square)
    static let form = Form<Figure>.oneOf(
        "type",
        [
            Alternative("disc", Figure.disc) { if case .disc(let disc) = $0 { disc } else { nil } },
            Alternative("square", Figure.square) { if case .square(let square) = $0 { square } else { nil } },
        ])
}

private struct Drawing: Described, Equatable {
    var title = "x"
    var figure = Figure.disc(Disc())
    var filled = true
    static let fields: [Field<Self>] = [
        Field("title", \.title, .string(limit: 8), "Title."),
        Field("figure", \.figure, Figure.form, "What is drawn.", required: true),
        Field("filled", \.filled, .boolean, "Whether it is filled."),
    ]
}

@Suite struct FieldTests {
    private func read(_ text: String, _ unknown: Report.UnknownKeys = .areErrors) throws -> (Drawing?, Report) {
        var report = Report(unknownKeys: unknown)
        let drawing = Drawing.read(try JSONNode.parse(Array(text.utf8)), into: &report)
        return (drawing, report)
    }

    @Test func fillsInDefaultsAndRoundTrips() throws {
        let (drawing, report) = try read("{\"figure\": {\"type\": \"square\", \"side\": 7}}")
        try report.check()
        let value = try #require(drawing)
        #expect(value == Drawing(title: "x", figure: .square(Square(side: 7, half: 3)), filled: true))
        #expect(value.json == ["title": "x", "figure": ["type": "square", "side": 7, "half": 3], "filled": true])
        #expect(try read(value.json.text).0 == value)
    }

    @Test(arguments: [
        ("{}", ["$.figure"], "required key"),
        ("[]", ["$"], "not an object"),
        ("{\"figure\": {}}", ["$.figure"], "\"type\" is missing"),
        ("{\"figure\": {\"type\": \"dics\"}}", ["$.figure.type"], "which is not known"),
        ("{\"figure\": {\"type\": \"square\"}, \"filed\": 1}", ["$.figure.side", "$.filed"], "required key"),
        (
            "{\"figure\": {\"type\": \"square\", \"side\": 101, \"half\": -1}}", ["$.figure.side", "$.figure.half"],
            "outside 1 to 100"
        ),
        ("{\"figure\": {\"type\": \"square\", \"side\": 1.5}}", ["$.figure.side"], "the number 1.5"),
        ("{\"figure\": {\"type\": \"square\", \"side\": 4, \"half\": 3}}", ["$.figure.half"], "too much"),
        ("{\"figure\": {\"type\": \"square\", \"side\": \"4\", \"half\": 3}}", ["$.figure.side"], "the string \"4\""),
        (
            "{\"figure\": {\"type\": \"disc\", \"radius\": 0}, \"title\": \"\"}", ["$.figure.radius", "$.title"],
            "radius is 0, which is out of range"
        ),
        (
            "{\"figure\": {\"type\": \"disc\", \"colours\": [\"red\", 3, \"gren\"]}}",
            ["$.figure.colours[1]", "$.figure.colours[2]"], "the number 3"
        ),
        ("{\"figure\": {\"type\": \"disc\", \"colours\": []}}", ["$.figure.colours"], "0 elements"),
        (
            "{\"figure\": {\"type\": \"disc\"}, \"title\": \"123456789\", \"filled\": null}", ["$.title", "$.filled"],
            "longer than 8"
        ),
    ])
    func reportsEveryProblem(text: String, paths: [String], first: String) throws {
        let (_, report) = try read(text)
        let problems = try #require(throws: Problems.self) { try report.check(file: "a.json") }
        #expect(problems.all.map(\.path) == paths.map(Optional.some))
        #expect(problems.all[0].message.contains(first), "\(problems)")
        for problem in problems.all {
            #expect(problem.line == 1 && problem.column != nil && problem.file == "a.json" && problem.remedy != nil)
        }
    }

    @Test func suggestsTheNearestName() throws {
        let (_, report) = try read(
            "{\"figure\": {\"type\": \"disc\", \"colours\": [\"gren\"]}, \"filed\": true, \"q\": 0}")
        #expect(
            report.problems.map { $0.remedy?.prefix(22) } == [
                "Did you mean \"green\"? ", "Did you mean \"filled\"?", "Remove it; known here:",
            ])
    }

    @Test func readsAliasesAndWritesProperNames() throws {
        let (drawing, _) = try read("{\"figure\": {\"type\": \"disc\", \"colours\": [\"azure\"]}}")
        #expect(drawing?.json["figure"]?["colours"] == ["blue"])
    }

    @Test func foreignFilesMayHoldMore() throws {
        let (drawing, report) = try read(
            "{\"_class_name\": \"D\", \"figure\": {\"type\": \"disc\", \"glow\": 3}}", .areWarnings)
        #expect(drawing != nil && report.problems.isEmpty)
        #expect(report.warnings.map(\.path) == ["$.figure.glow"])
    }

    @Test func countsProblemsBeyondTheLimit() throws {
        let keys = (0..<500).map { "\"key number \($0)\": 0" }.joined(separator: ", ")
        let (_, report) = try read("{\(keys)}")
        let problems = try #require(throws: Problems.self) { try report.check() }
        #expect(problems.all.count == Problems.limit + 1 && problems.all[100].message == "there are 401 more problems")
    }

    @Test func valuesMadeInCodeAreChecked() {
        #expect(throws: Problems.self) { try Square(side: 4, half: 4).check() }
        #expect(throws: Never.self) { try Square(side: 4, half: 2).check() }
    }

    @Test func describesItselfAsASchema() {
        #expect(
            Square.schema == [
                "type": "object",
                "properties": [
                    "side": ["type": "integer", "minimum": 1, "maximum": 100, "description": "Length of a side."],
                    "half": [
                        "type": ["integer", "null"], "minimum": 0, "maximum": 50, "description": "Half of it.",
                        "default": .null,
                    ],
                ],
                "required": ["side"], "additionalProperties": false,
            ])
        let figure = Drawing.schema["properties"]?["figure"]?["oneOf"]?.elements
        #expect(figure?[1]["properties"]?["type"] == ["const": "square"] && figure?[1]["required"] == ["type", "side"])
    }
}
