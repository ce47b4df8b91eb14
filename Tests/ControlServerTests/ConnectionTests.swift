import ControlAPI
import ControlServer
import ControlTestSupport
import Foundation
import JobSpec
import NIOEmbedded
import Problems
import StrictJSON
import TestSupport
import Testing

/// Who gets a place, and who loses his.
@Suite("Connections") struct ConnectionTests {
    private static func table(connections: Int, perUser: Int, streams: Int = 1) -> ConnectionTable {
        var limits = ControlLimits()
        (limits.connections, limits.connectionsPerUser, limits.streamsPerUser) = (connections, perUser, streams)
        return ConnectionTable(limits)
    }

    @Test("of a user who has as many as he may: the one that is idle for longest goes, of others none")
    func ownPlaces() throws {
        let table = Self.table(connections: 9, perUser: 2)
        let channels = (0..<5).map { _ in EmbeddedChannel() }
        for channel in channels.prefix(2) { #expect(try table.admit(channel, user: 1) == nil) }
        #expect(try table.admit(channels[2], user: 2) == nil)
        #expect(try table.admit(channels[3], user: 1) === channels[0])
        table.begin(channels[1])
        table.begin(channels[3])
        let problem = #expect(throws: Problem.self) { _ = try table.admit(channels[4], user: 1) }
        #expect(problem?.code == .unavailable)
        table.end(channels[3])
        #expect(try table.admit(channels[4], user: 1) === channels[3])
    }

    @Test("when all places are taken: the user with the most makes room, for who has fewer")
    func allPlaces() throws {
        let table = Self.table(connections: 4, perUser: 3, streams: 3)
        let channels = (0..<9).map { _ in EmbeddedChannel() }
        for channel in channels.prefix(3) {
            #expect(try table.admit(channel, user: 1) == nil)
            table.begin(channel)
        }
        #expect(try table.admit(channels[3], user: 2) == nil)
        // All of the largest user's answer at this moment.
        #expect(throws: Problem.self) { _ = try table.admit(channels[4], user: 3) }
        try table.beginStream(channels[1])
        try table.beginStream(channels[2])
        #expect(try table.admit(channels[4], user: 3) === channels[1])
        #expect(try table.admit(channels[5], user: 3) === channels[2])
        // Whoever has as many as anybody has to wait.
        #expect(throws: Problem.self) { _ = try table.admit(channels[6], user: 3) }
        table.remove(channels[4])
        #expect(try table.admit(channels[6], user: 3) == nil)
    }

    @Test("streams have a limit of their own, for each user")
    func streams() throws {
        let table = Self.table(connections: 9, perUser: 9, streams: 1)
        let channels = (0..<3).map { _ in EmbeddedChannel() }
        for (channel, user) in zip(channels, [1, 1, 2] as [UInt32]) {
            #expect(try table.admit(channel, user: user) == nil)
        }
        try table.beginStream(channels[0])
        let problem = #expect(throws: Problem.self) { try table.beginStream(channels[1]) }
        #expect(problem?.code == .unavailable)
        try table.beginStream(channels[2])
        table.end(channels[0])
        try table.beginStream(channels[1])
    }

    @Test("idle and streaming ones keep nobody from an answer, and who gets no stream is told why")
    func answersBesideListeners() async throws {
        var limits = ControlLimits()
        (limits.connections, limits.connectionsPerUser, limits.streamsPerUser) = (16, 8, 2)
        try await withControlServer(FakeJobService(), limits: limits) { client in
            try await blocking {
                var held: [Held] = []
                for number in 0..<40 {
                    let connection = Held(try UnixConnection(path: client.socket, timeout: patience))
                    try connection.value.write(Array("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                    let head = String(decoding: try connection.value.read(timeout: patience), as: UTF8.self)
                    #expect(head.hasPrefix("HTTP/1.1 \(number < 2 ? 200 : 503)"), "\(head)")
                    if number >= 2 { #expect(head.contains("streams")) }
                    held.append(connection)
                    #expect(try client.health().version == "9.9")
                }
                _ = held
            }
        }
    }

    @Test("a client that takes nothing is left, and does not hold up the end")
    func stoppedReader() async throws {
        let service = FakeJobService()
        await service.put(.example(1, "a", .running))
        await service.appendLog(String(repeating: "a line of a log\n", count: 200_000), to: 1)
        var limits = ControlLimits()
        limits.writeTimeout = .milliseconds(300)
        try await withControlServer(service, limits: limits) { client in
            try await blocking {
                let stopped = try UnixConnection(path: client.socket, timeout: patience)
                try stopped.write(Array("GET /v1/jobs/1/log HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                // What has come before it was left, and then the end.
                Thread.sleep(forTimeInterval: 1)
                var bytes = 0
                while true {
                    guard let part = try? stopped.read(timeout: patience), !part.isEmpty else { break }
                    bytes += part.count
                }
                #expect(bytes > 0 && bytes < 3_200_000)
            }
        }
        // Now one that is still there when the server ends.
        limits.writeTimeout = .seconds(3600)
        limits.farewell = .milliseconds(100)
        let stopped = try await withControlServer(service, limits: limits) { client in
            try await blocking {
                let stopped = Held(try UnixConnection(path: client.socket, timeout: patience))
                try stopped.value.write(Array("GET /v1/jobs/1/log?follow=true HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                _ = try stopped.value.read(timeout: patience)
                return stopped
            }
        }
        withExtendedLifetime(stopped) {}
    }

    @Test("a silent stream carries comments")
    func heartbeat() async throws {
        var limits = ControlLimits()
        limits.heartbeat = .milliseconds(5)
        try await withControlServer(FakeJobService(), limits: limits) { client in
            try await blocking {
                let connection = try UnixConnection(path: client.socket, timeout: patience)
                try connection.write(Array("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                var text = ""
                // Comments may come before the first message, as every client expects them anywhere.
                while text.components(separatedBy: ": still here").count < 4 || !text.contains("event: began") {
                    text += String(decoding: try connection.read(timeout: patience), as: UTF8.self)
                }
            }
        }
    }

    @Test("a large answer comes whole, in pieces")
    func largeAnswers() async throws {
        let service = FakeJobService()
        let name = String(repeating: "n", count: 200)
        for id in 1...500 { await service.put(.example(id, name, .queued, reason: .priority)) }
        try await withControlServer(service) { client in
            let jobs = try await blocking { try client.jobs().jobs }
            #expect(jobs.map(\.id) == Array(1...500))
        }
    }

    @Test("at most a hundred problems are told, and how many more there are")
    func problems() throws {
        let all = Problems((0..<5000).map { Problem(.invalid, "number \($0)") })
        let document = ProblemDocument(all)
        #expect(document.problems.count == 101)
        #expect(document.problems.last?.message == "there are 4900 more problems")
        let text = "{" + (0..<170_000).map { _ in "\"k\":1" }.joined(separator: ",") + "}"
        let found = #expect(throws: Problems.self) { try JSONNode.parse(Array(text.utf8)) }
        #expect(found?.all.count == 101)
        #expect(found?.all.last?.message == "there are 169899 more problems")
        let long = String(repeating: "x", count: 400_000)
        let quoted = #expect(throws: Problems.self) { try JSONNode.parse(Array("{\"\(long)\":1,\"\(long)\":2}".utf8)) }
        #expect(try JSONText.encode(ProblemDocument(quoted ?? Problems([]))).count < 4000)
    }
}

/// A connection that an array can hold.
private final class Held: Sendable {
    let value: UnixConnection

    init(_ value: consuming UnixConnection) { self.value = value }
}
