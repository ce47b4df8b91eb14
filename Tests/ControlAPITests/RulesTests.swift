import ControlAPI
import JobSpec
import Problems
import StrictJSON
import Testing

@Suite struct JobReferenceTests {
    @Test(arguments: [
        ("42", JobReference.id(42)), ("job:42", .id(42)), ("007", .id(7)), ("shirts", .name("shirts")),
        ("job:shirts", .name("shirts")), ("4a", .name("4a")), ("größe", .name("größe")), ("-5", .name("-5")),
    ])
    func reads(text: String, reference: JobReference) { #expect(JobReference(text) == reference) }

    @Test(arguments: ["", "job:", "a/b", "a\nb", "99999999999999999999999", String(repeating: "x", count: 256)])
    func refuses(text: String) { #expect(JobReference(text) == nil) }
}

@Suite struct PermissionsTests {
    private static func caller(_ uid: UInt32, _ user: String?, groups: Set<UInt32> = []) -> Caller {
        Caller(uid: uid, gid: uid, pid: 1, user: user, groups: groups)
    }

    /// Each row: read, submit, change own, change another's, change nobody's, administer.
    @Test(arguments: [
        (caller(0, "root"), Permissions.Role.administrator, [true, true, true, true, true, true]),
        (caller(120, "diffd"), .administrator, [true, true, true, true, true, true]),
        (caller(1000, "alice", groups: [33, 100]), .operator, [true, true, true, true, true, true]),
        (caller(33, "www"), .operator, [true, true, true, true, true, true]),
        (caller(1001, "bob", groups: [100]), .other, [true, false, true, false, false, false]),
        (caller(1002, nil), .other, [true, false, true, false, false, false]),
    ])
    func table(caller: Caller, role: Permissions.Role, expected: [Bool]) {
        check(Permissions(daemonUser: 120, group: 33), caller, role, expected)
    }

    private func check(_ permissions: Permissions, _ caller: Caller, _ role: Permissions.Role, _ expected: [Bool]) {
        #expect(permissions.role(of: caller) == role)
        let actions: [Permissions.Action] = [
            .read, .submit, .change(owner: caller.ownerName), .change(owner: "somebody"), .change(owner: nil),
            .administer,
        ]
        #expect(actions.map { permissions.allows($0, by: caller) } == expected)
        for (action, allowed) in zip(actions, expected) where !allowed {
            let problem = #expect(throws: Problem.self) { try permissions.require(action, by: caller) }
            #expect(problem?.code == .denied)
            #expect(problem?.message.contains(caller.ownerName) == true)
        }
    }

    /// Where they do not all trust each other.
    @Test(arguments: [
        (caller(1000, "alice", groups: [33]), Permissions.Role.member, [true, true, true, false, false, false]),
        (caller(1003, "carol", groups: [33, 40]), .operator, [true, true, true, true, true, true]),
        (caller(0, "root"), .administrator, [true, true, true, true, true, true]),
        (caller(1001, "bob"), .other, [true, false, true, false, false, false]),
    ])
    func tableWithOperators(caller: Caller, role: Permissions.Role, expected: [Bool]) {
        check(Permissions(daemonUser: 120, group: 33, operators: 40), caller, role, expected)
    }

    @Test func withoutTheGroupOnlyTheDaemonsUserAndRootAreMore() {
        let permissions = Permissions(daemonUser: 120, group: nil)
        #expect(permissions.role(of: Self.caller(1000, "alice", groups: [33])) == .other)
    }
}

@Suite struct ProblemDocumentTests {
    @Test(arguments: [
        (Problem.Code.invalid, 400), (.denied, 403), (.missing, 404), (.corrupt, 422), (.unsupported, 422),
        (.numerical, 500),
        (.crashed, 500), (.io, 500), (.internal, 500), (.outOfMemory, 503), (.interrupted, 503), (.unavailable, 503),
        (.diskFull, 507),
    ])
    func hasAStatus(code: Problem.Code, status: Int) { #expect(code.httpStatus == status) }

    @Test func tellsTheFirstProblemAndAllOfThem() throws {
        let first = Problem(.invalid, "bad", remedy: "Mend it.", file: "a.json", path: "$.a", line: 3, column: 4)
        let document = ProblemDocument(Problems([first, Problem(.missing, "gone")]), status: 422)
        let node = try JSONNode.parse(try JSONText.encode(document))
        #expect(node["type"]?.string == "urn:diffd:problem:invalid")
        #expect(node["status"]?.integer == 422)
        #expect(node["detail"]?.string == "bad")
        #expect(node["remedy"]?.string == "Mend it.")
        #expect(node["path"]?.string == "$.a")
        #expect(node["line"]?.integer == 3)
        #expect(node["column"]?.integer == 4)
        #expect(node["problems"]?.elements?.count == 2)
        #expect(try JSONText.decode(ProblemDocument.self, from: try JSONText.encode(document)) == document)
    }
}

@Suite struct ReachingTests {
    @Test func namesTheSocketThatIsNotThere() {
        let client = ControlClient(socket: "/nonexistent/diffd.sock")
        let problems = #expect(throws: Problems.self) { try client.health() }
        #expect(problems?.all.first?.code == .unavailable)
        #expect(problems?.description.contains("/nonexistent/diffd.sock") == true)
        #expect(problems?.all.first?.remedy?.contains("--socket") == true)
    }

    @Test(arguments: ["", String(repeating: "x", count: 200)])
    func refusesPathsThatNoSocketCanHave(path: String) {
        let problems = #expect(throws: Problems.self) { try ControlClient(socket: path).health() }
        #expect(problems?.all.first?.code == .invalid)
    }
}
