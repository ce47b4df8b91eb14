import ControlAPI
import ControlServer
import ControlTestSupport
import JobSpec
import Problems
import TestSupport
import Testing

/// Whatever is sent, the server goes on and answers the next one.
@Suite struct MalformedRequestTests {
    private static let seeds = [
        "GET /v1/jobs?state=queued&limit=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "POST /v1/jobs?name=a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{\"kind\": \"train\"}",
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"kin\r\n0\r\n\r\n",
        "GET /v1/jobs/1/log?offset=9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "POST /v1/jobs/1/priority HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"priority\":1}",
    ]

    @Test func survivesDamagedRequests() async throws {
        let service = FakeJobService()
        await service.put(.example(1, "a", .queued))
        try await withControlServer(service) { client in
            try await blocking {
                var random = SystemRandomNumberGenerator()
                for round in 0..<500 {
                    var bytes = Array(Self.seeds[round % Self.seeds.count].utf8)
                    for _ in 0..<Int.random(in: 1...6, using: &random) {
                        let place = Int.random(in: 0..<bytes.count, using: &random)
                        switch round % 4 {
                        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                        case 1: bytes.remove(at: place)
                        case 2: bytes.insert(contentsOf: bytes[..<place], at: place)
                        default: bytes.removeSubrange(place...)
                        }
                        if bytes.isEmpty { bytes = [0] }
                    }
                    let connection = try UnixConnection(path: client.socket, timeout: patience)
                    try connection.write(bytes)
                    // Closed without reading: also the server's answer may meet nobody.
                }
                #expect(try client.health().version == "9.9")
            }
        }
    }

    @Test(arguments: [
        "\0\0\0\0", "GARBAGE\r\n\r\n", "GET /v1/jobs HTTP/9.9\r\n\r\n",
        "GET /v1/health HTTP/1.1\r\nHost: x\r\nLong: \(String(repeating: "y", count: 40_000))\r\nConnection: close\r\n\r\n",
    ])
    func refusesWhatIsNotARequest(text: String) async throws {
        try await withControlServer(FakeJobService()) { client in
            let answer = try? await exchange(Array(text.utf8), client.socket)
            // Refused with an answer, or the connection is closed without one.
            #expect(answer.map { (400..<600).contains($0.status) } ?? true)
            let health = try await blocking { try client.health() }
            #expect(health.version == "9.9")
        }
    }

    @Test func anEndlessBodyIsCutOff() async throws {
        var limits = ControlLimits()
        limits.jobFile = 1000
        try await withControlServer(FakeJobService(), limits: limits) { client in
            let head =
                "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            let chunk = "3E8\r\n" + String(repeating: "z", count: 1000) + "\r\n"
            let answer = try await exchange(Array((head + String(repeating: chunk, count: 500)).utf8), client.socket)
            #expect(answer.status == 413)
        }
    }

    @Test func aBodyThatDoesNotArriveIsNotWaitedForForever() async throws {
        var limits = ControlLimits()
        limits.bodyTimeout = .milliseconds(50)
        try await withControlServer(FakeJobService(), limits: limits) { client in
            let head =
                "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
            let answer = try await exchange(Array(head.utf8), client.socket)
            #expect(answer.status == 408)
        }
    }
}
