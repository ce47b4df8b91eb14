import ControlAPI
import ControlTestSupport
import Foundation
import Glibc
import JobSpec
import Problems
import TestSupport
import Testing

/// Whatever a file or a request holds, what reads it goes on: no trap, no hang, no endless memory, and an error that tells what is wrong.
///
/// `make fuzz` gives it a million inputs. They follow from a seed, DIFFD_FUZZ_SEED, and their number; a trap's input is made again by
/// beginning at the number that was printed last (DIFFD_FUZZ_FROM).
@Suite(.serialized) struct FuzzTests {
    private static func setting(_ name: String, _ standard: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? standard
    }

    private static let count = setting("DIFFD_FUZZ", 500)
    private static let seed = setting("DIFFD_FUZZ_SEED", 1)
    private static let first = setting("DIFFD_FUZZ_FROM", 0)

    private static func rounds(_ share: Double) -> Range<Int> {
        first..<max(first, Int((Double(count) * share).rounded(.up)))
    }

    /// Only the round decides, so that one can be repeated alone.
    private static func generator(_ round: Int) -> SeededGenerator {
        SeededGenerator(seed: UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(round))
    }

    @Test("damaged input is refused or read", arguments: Subject.all)
    func reads(subject: Subject) throws {
        let directory = try TemporaryDirectory()
        let mutator = try subject.mutator()
        var refused = 0
        for round in Self.rounds(subject.share) {
            if round.isMultiple(of: 10_000), round > 0 { print("\(subject.name): \(round)") }
            var random = Self.generator(round)
            var input = mutator(&random)
            if Bool.random(using: &random) { subject.disguise?(&input) }
            do {
                try subject.read(input, directory("input"))
            } catch let problem as Problem {
                refused += 1
                if problem.code == .internal { Issue.record("round \(round): \(problem)") }
            } catch let problems as Problems {
                refused += 1
                #expect(
                    !problems.all.isEmpty && problems.all.allSatisfy { $0.code != .internal },
                    "round \(round): \(problems)")
            } catch {
                Issue.record("round \(round): \(error)")
            }
        }
        print("\(subject.name): \(Self.rounds(subject.share).count) inputs, \(refused) refused")
        #expect(peakMemory < 2 << 30, "\(subject.name) took \(peakMemory >> 20) MiB")
    }

    private static let requests = [
        "GET /v1/jobs?state=queued&limit=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "POST /v1/jobs?name=a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"kind\": \"train\"}",
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"kin\r\n0\r\n\r\n",
        "GET /v1/jobs/1/log?offset=9&follow=true HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /v1/jobs/1/priority HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"priority\":1}",
        "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    ]

    @Test("damaged requests leave the server answering") func requests() async throws {
        let words = [
            "\r\n\r\n", "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: chunked\r\n", "%00",
            "%2e%2e%2f", "/v1/jobs/",
            "FFFFFFFF\r\n", "HTTP/2", "Expect: 100-continue\r\n", "Upgrade: h2c\r\n",
        ]
        let mutator = Mutator(seeds: Self.requests.map { Array($0.utf8) }, words: words)
        let service = FakeJobService()
        await service.put(.example(1, "a", .running))
        let rounds = Self.rounds(0.2)
        try await withControlServer(service) { client in
            try await blocking {
                for round in rounds {
                    var random = Self.generator(round)
                    let connection = try UnixConnection(path: client.socket, timeout: patience)
                    // Closed without reading: the server's answer may meet nobody.
                    try connection.write(mutator(&random))
                    if round.isMultiple(of: 1000) { #expect(try client.health().version == "9.9") }
                }
                #expect(try client.health().version == "9.9")
            }
        }
        print("HTTP requests: \(rounds.count) inputs")
        #expect(peakMemory < 2 << 30)
    }

    /// Of this process, in bytes.
    private var peakMemory: Int {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        return usage.ru_maxrss * 1024
    }
}
