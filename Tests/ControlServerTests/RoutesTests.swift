import ControlAPI
import ControlServer
import ControlTestSupport
import JobSpec
import Problems
import StrictJSON
import Testing

@Suite struct RoutesTests {
    private func service() async -> FakeJobService {
        let service = FakeJobService()
        await service.put(.example(1, "shirts", .succeeded))
        await service.put(.example(2, "waves", .running, progress: JobProgress(step: 3, totalSteps: 10)))
        await service.put(.example(3, "shirts", .queued, reason: .dependency))
        return service
    }

    @Test(arguments: Transport.allCases)
    func listsJobs(transport: Transport) async throws {
        try await transport.run(await service()) { connection in
            func ids(_ target: String) async throws -> [Int] {
                let answer = try await connection.send("GET", target, [:], nil)
                #expect(answer.status == 200)
                #expect(answer.fields["content-type"] == "application/json")
                return try JSONText.decode(JobList.self, from: answer.body).jobs.map(\.id)
            }
            let all = try await ids("/v1/jobs")
            #expect(all == [1, 2, 3])
            #expect(try await ids("/v1/jobs?state=running,queued") == [2, 3])
            #expect(try await ids("/v1/jobs?name=shirts&limit=1") == [3])
            #expect(try await ids("/v1/jobs?after=1") == [2, 3])
            #expect(try await ids("/v1/jobs?after=1&limit=1") == [2])
        }
    }

    /// Nobody holds it at once but who asked.
    @Test(arguments: Transport.allCases)
    func listsManyJobsInPages(transport: Transport) async throws {
        let service = FakeJobService()
        let count = 2 * JobList.pageSize
        for id in 1...count + 7 { await service.put(.example(id, "a", id % 2 == 0 ? .succeeded : .queued)) }
        try await transport.run(service) { connection in
            for (query, expected) in [
                ("", Array(1...count + 7)), ("?after=7", Array(8...count + 7)),
                ("?state=succeeded", Array(stride(from: 2, through: count + 6, by: 2))),
            ] {
                let answer = try await connection.send("GET", "/v1/jobs\(query)", [:], nil)
                #expect(answer.status == 200 && answer.fields["content-type"] == "application/json")
                #expect(try JSONText.decode(JobList.self, from: answer.body).jobs.map(\.id) == expected)
            }
            let refused = try await connection.send("GET", "/v1/jobs?limit=\(JobList.pageSize + 1)", [:], nil)
            #expect(refused.status == 400)
        }
        #expect(await service.longestList == JobList.pageSize)
        try await withControlServer(service) { client in
            let newest = try await blocking { try client.jobs(JobFilter(limit: count - 1)).jobs.map(\.id) }
            #expect(newest == Array(9...count + 7))
            let page = try await blocking { try client.jobs(JobFilter(limit: 2, after: 5)).jobs.map(\.id) }
            #expect(page == [6, 7])
        }
    }

    /// product.md's shape: these keys, in every state, unset ones null.
    @Test(arguments: Transport.allCases)
    func showsTheKeysThatReadersRelyOn(transport: Transport) async throws {
        try await transport.run(await service()) { connection in
            for name in ["1", "waves", "job:waves", "sh%69rts"] {
                let answer = try await connection.send("GET", "/v1/jobs/\(name)", [:], nil)
                #expect(answer.status == 200)
                let keys = Set(try #require(JSONNode.parse(answer.body).members).map(\.name))
                #expect(
                    keys.isSuperset(of: [
                        "id", "name", "kind", "state", "reason", "priority", "attempt", "progress", "submitted_at",
                        "started_at",
                        "finished_at", "directory",
                    ]))
            }
            let newest = try await connection.send("GET", "/v1/jobs/shirts", [:], nil)
            #expect(try JSONNode.parse(newest.body)["id"]?.integer == 3)
        }
    }

    @Test(arguments: Transport.allCases)
    func submitsForTheCaller(transport: Transport) async throws {
        let service = await service()
        try await transport.run(service) { connection in
            let answer = try await connection.send(
                "POST", "/v1/jobs?name=new%20job", ["Content-Type": "application/json; charset=utf-8"],
                #"{"kind": "train"}"#)
            #expect(answer.status == 201)
            #expect(answer.fields["location"] == "/v1/jobs/4")
            let job = try JSONText.decode(JobStatus.self, from: answer.body)
            #expect(job.name == "new job")
            #expect(job.owner == Transport.root.ownerName)
        }
        #expect(await service.callers.map(\.uid) == [Transport.root.uid])
    }

    @Test(arguments: Transport.allCases)
    func changesJobs(transport: Transport) async throws {
        try await transport.run(await service()) { connection in
            func state(_ verb: String, _ body: String? = nil) async throws -> JobStatus {
                let answer = try await connection.send(
                    "POST", "/v1/jobs/3/\(verb)", ["Content-Type": "application/json"], body)
                #expect(answer.status == 200)
                return try JSONText.decode(JobStatus.self, from: answer.body)
            }
            let held = try await state("hold")
            #expect(held.state == .held)
            #expect(try await state("release").state == .queued)
            #expect(try await state("priority", #"{"priority": -7}"#).priority == -7)
            #expect(try await state("cancel").state == .cancelled)
            #expect(try await state("requeue").state == .queued)
        }
    }

    @Test(arguments: Transport.allCases)
    func refusesWithProblemDocuments(transport: Transport) async throws {
        let json = ["Content-Type": "application/json"]
        var limits = ControlLimits()
        limits.jobFile = 100
        let cases: [(method: String, target: String, fields: [String: String], body: String?, status: Int)] = [
            ("GET", "/v1/jobs/99", [:], nil, 404),
            ("GET", "/v1/jobs/a%2Fb", [:], nil, 404),
            ("GET", "/v1/nothing", [:], nil, 404),
            ("GET", "/", [:], nil, 404),
            ("PUT", "/v1/jobs", [:], nil, 405),
            ("GET", "/v1/jobs/1/cancel", [:], nil, 405),
            ("GET", "/v1/jobs?state=asleep", [:], nil, 400),
            ("GET", "/v1/jobs?limit=-1", [:], nil, 400),
            ("GET", "/v1/jobs/1/log?offset=x", [:], nil, 400),
            ("POST", "/v1/jobs/1/hold", [:], nil, 409),
            ("POST", "/v1/jobs/3/priority", json, "7", 400),
            ("POST", "/v1/jobs/3/priority", json, #"{"priority": "high"}"#, 400),
            ("POST", "/v1/jobs/3/priority", json, #"{"priority": 1e99}"#, 400),
            ("POST", "/v1/jobs/3/priority", json, #"{"priority": 1000001}"#, 400),
            ("POST", "/v1/jobs/3/priority", json, #"{"priority": -9223372036854775808}"#, 400),
            ("POST", "/v1/jobs", [:], #"{"kind": "train"}"#, 415),
            ("POST", "/v1/jobs", ["Content-Type": "text/plain"], #"{"kind": "train"}"#, 415),
            ("POST", "/v1/jobs", json, String(repeating: " ", count: 101), 413),
            ("POST", "/v1/jobs", json, #"{"a": 1}"#, 422),
            ("POST", "/v1/jobs", json, #"{"kind": "disk"}"#, 507),
        ]
        try await transport.run(await service(), limits: limits) { connection in
            for row in cases {
                let answer = try await connection.send(row.method, row.target, row.fields, row.body)
                #expect(answer.status == row.status, "\(row.method) \(row.target)")
                #expect(answer.fields["content-type"] == ProblemDocument.mediaType, "\(row.method) \(row.target)")
                let document = try JSONText.decode(ProblemDocument.self, from: answer.body)
                #expect(document.status == row.status)
                #expect(!document.detail.isEmpty)
                if row.status == 405 { #expect(answer.fields["allow"]?.isEmpty == false) }
            }
            let bad = try await connection.send("POST", "/v1/jobs", json, #"{"a": 1}"#)
            let document = try JSONText.decode(ProblemDocument.self, from: bad.body)
            #expect(document.problems.map(\.path) == ["$.a", "$"])
            #expect(document.line == 1 && document.column == 2)
        }
    }

    @Test func othersMayReadAndChangeWhatIsTheirs() async throws {
        let bob = Caller(uid: 54_321, gid: 54_321, pid: 9, user: "bob", groups: [])
        let service = await service()
        await service.put(.example(4, "mine", .queued, reason: .priority, owner: "bob"))
        try await Transport.memory.run(service, as: bob) { connection in
            let json = ["Content-Type": "application/json"]
            func status(_ method: String, _ target: String, _ body: String? = nil) async throws -> Int {
                try await connection.send(method, target, json, body).status
            }
            let reading = try await status("GET", "/v1/jobs/3")
            #expect(reading == 200)
            #expect(try await status("POST", "/v1/jobs/mine/hold") == 200)
            #expect(try await status("POST", "/v1/jobs/3/cancel") == 403)
            #expect(try await status("POST", "/v1/jobs/3/priority", #"{"priority": 9}"#) == 403)
            #expect(try await status("POST", "/v1/jobs", #"{"kind": "train"}"#) == 403)
            #expect(try await status("POST", "/v1/drain") == 403)
        }
        #expect(await service.jobs[3]?.state == .queued)
        #expect(await service.commands.isEmpty)
    }

    @Test(arguments: Transport.allCases)
    func servesTheDaemonsState(transport: Transport) async throws {
        let service = await service()
        try await transport.run(service) { connection in
            let health = try await connection.send("GET", "/v1/health", [:], nil)
            #expect(try JSONText.decode(Health.self, from: health.body).running == 1)
            let why = try await connection.send("GET", "/v1/jobs/3/why", [:], nil)
            #expect(try JSONText.decode(WaitExplanation.self, from: why.body).waitsFor == [1])
            let specification = try await connection.send("GET", "/v1/jobs/3/spec", [:], nil)
            #expect(String(decoding: specification.body, as: UTF8.self) == "{\"kind\": \"train\"}\n")
            let models = try await connection.send("GET", "/v1/models", [:], nil)
            #expect(try JSONText.decode(ModelList.self, from: models.body).models.map(\.name) == ["shirts"])
            for verb in ["drain", "resume", "reload"] {
                #expect(try await connection.send("POST", "/v1/\(verb)", [:], nil).status == 200)
            }
            let metrics = try await connection.send("GET", "/metrics", [:], nil)
            #expect(metrics.fields["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            let lines = String(decoding: metrics.body, as: UTF8.self).split(separator: "\n").map(String.init)
            #expect(lines.contains("diffd_jobs{state=\"running\"} 1"))
            #expect(lines.contains("diffd_jobs{state=\"held\"} 0"))
            #expect(lines.contains("diffd_jobs_waiting{reason=\"Priority\"} 3"))
            #expect(lines.contains("# TYPE diffd_worker_crashes_total counter"))
            for line in lines where !line.hasPrefix("#") {
                #expect(line.wholeMatch(of: /[a-z_]+(\{[a-z]+="[A-Za-z]+"\})? -?[0-9]+/) != nil, "\(line)")
            }
        }
        #expect(await service.commands == [.drain, .resume, .reload])
    }
}
