import ControlAPI
import ControlServer
import ControlTestSupport
import Foundation
import JobSpec
import Problems
import StrictJSON
import Synchronization
import TestSupport
import Testing

/// What only a real socket shows: its file, streams, callers, and a client's errors.
@Suite struct SocketTests {
    @Test func theSocketIsForUserAndGroupAndGoesAtTheEnd() async throws {
        let path = try await withControlServer(FakeJobService()) { client in
            let attributes = try FileManager.default.attributesOfItem(atPath: client.socket)
            #expect(attributes[.posixPermissions] as? Int == 0o660)
            #expect(attributes[.type] as? FileAttributeType == .typeSocket)
            return client.socket
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func replacesADeadDaemonsSocketButNotALiveOnes() async throws {
        try await withControlServer(
            FakeJobService(),
            socket: { path in
                // Never served: as if its daemon had died.
                _ = close(try ListeningSocket(path: path).descriptor)
                return try ListeningSocket(path: path)
            }
        ) { client in
            let health = try await blocking { try client.health() }
            #expect(health.version == "9.9")
            let problem = #expect(throws: Problem.self) { try ListeningSocket(path: client.socket) }
            #expect(problem?.code == .unavailable)
            #expect(try await blocking { try client.health().version } == "9.9")
        }
    }

    @Test func leavesOtherFilesAlone() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "diffd-file-\(UUID().uuidString.prefix(8))")
        try Data("precious".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // In the temporary directory.
        let problem = #expect(throws: Problem.self) { try ListeningSocket(path: file.path) }
        #expect(problem?.code == .invalid)
        #expect(try Data(contentsOf: file) == Data("precious".utf8))
        let inherited = #expect(throws: Problem.self) { try ListeningSocket(inherited: 0) }
        #expect(inherited?.code == .invalid)
    }

    @Test func servesASocketThatSomebodyElseMade() async throws {
        try await withControlServer(
            FakeJobService(),
            socket: { try ListeningSocket(inherited: ListeningSocket(path: $0).descriptor) }
        ) { client in
            let health = try await blocking { try client.health() }
            #expect(health.pid == 4711)
        }
    }

    @Test func knowsTheCaller() async throws {
        let service = FakeJobService()
        try await withControlServer(service) { client in
            try await blocking { _ = try client.control(.drain) }
        }
        let caller = try #require(await service.callers.first)
        #expect(caller.uid == getuid())
        #expect(caller.gid == getgid())
        #expect(caller.pid == getpid())
        #expect(caller.user == NSUserName())
        #expect(caller.groups.contains(getgid()))
    }

    @Test func clientAndServerUnderstandEachOther() async throws {
        let service = FakeJobService()
        await service.put(.example(1, "größe & co?", .queued, reason: .priority))
        try await withControlServer(service) { client in
            try await blocking {
                let reference = try #require(JobReference("größe & co?"))
                #expect(try client.job(reference).id == 1)
                #expect(try client.jobs(JobFilter(states: [.queued], name: "größe & co?", limit: 5)).jobs.count == 1)
                #expect(try client.jobs(JobFilter(states: [.failed])).jobs.isEmpty)
                #expect(try client.change(reference, .priority(-3)).priority == -3)
                #expect(try client.why(.id(1)).position == 2)
                #expect(try client.models().models.count == 1)
                #expect(try client.specification(of: .id(1)).isEmpty == false)
                let job = try client.submit(Submission(bytes: Array(#"{"kind": 1}"#.utf8), suggestedName: "a b"))
                #expect(job.name == "a b")
                let missing = #expect(throws: Problems.self) { try client.job(.id(77)) }
                #expect(missing?.all.first?.code == .missing)
                let bad = #expect(throws: Problems.self) {
                    try client.submit(Submission(bytes: [], suggestedName: "x"))
                }
                #expect(bad?.all.map(\.path) == ["$.a", "$"])
            }
        }
    }

    @Test func streamsEventsFromTheBeginning() async throws {
        let service = FakeJobService()
        let seen = Mutex<[JobState]>([])
        var limits = ControlLimits()
        limits.heartbeat = .milliseconds(5)
        try await withControlServer(service, limits: limits) { client in
            try await blocking {
                try client.events {
                    // The stream has begun: a change from now on must be in it.
                    Task {
                        await service.put(.example(1, "a", .running))
                        await service.put(.example(1, "a", .succeeded))
                    }
                    return true
                } _: { event in
                    seen.withLock { $0 += [event.job?.state].compactMap(\.self) }
                    return event.job?.state.isFinal != true
                }
            }
        }
        #expect(seen.withLock { $0 } == [.running, .succeeded])
    }

    /// Of four changes the client has seen some when its connection breaks.
    @Test(arguments: [
        (nil, ["began"]), ("2", ["began", "3 b", "4 b"]), ("4", ["began"]), ("7", ["began", "missed"]),
        ("x", ["began", "missed"]),
    ])
    func aClientThatComesBackGetsWhatItMissed(_ last: String?, _ expected: [String]) async throws {
        let service = FakeJobService()
        for (id, state) in [(1, JobState.running), (1, .succeeded), (2, .running), (2, .succeeded)] {
            await service.put(.example(id, id == 1 ? "a" : "b", state))
        }
        try await Transport.socket.run(service) { connection in
            Task {
                try await eventually("somebody listens") { await service.listenerCount > 0 }
                await service.endStreams()
            }
            let answer = try await connection.send(
                "GET", "/v1/events", last.map { ["Last-Event-ID": $0] } ?? [:], nil)
            var parser = EventStreamParser()
            let seen = try parser.feed(answer.body).map { message in
                guard message.event == "state" else { return message.event }
                let event = try JSONText.decode(JobEvent.self, from: Array(message.data.utf8))
                return "\(event.sequence) \(event.job?.name ?? "")"
            }
            #expect(seen == expected)
        }
    }

    @Test func forgetsListenersThatHangUp() async throws {
        let service = FakeJobService()
        try await withControlServer(service) { client in
            try await blocking { try client.events(began: { false }, { _ in true }) }
            try await eventually("the listener is forgotten") { await service.listenerCount == 0 }
        }
        #expect(await service.listenerCount == 0)
    }

    @Test func followsALogThroughAttempts() async throws {
        let service = FakeJobService()
        await service.put(.example(1, "a", .running))
        await service.appendLog("first\n", to: 1)
        var limits = ControlLimits()
        limits.logInterval = .milliseconds(2)
        try await withControlServer(service, limits: limits) { client in
            let text = try await blocking {
                var text = ""
                try client.log(of: .id(1), follow: true) { bytes in
                    text += String(decoding: bytes, as: UTF8.self)
                    if text == "first\n" {
                        Task {
                            await service.put(.example(1, "a", .queued))
                            await service.appendLog("second\n", to: 1)
                            await service.put(.example(1, "a", .running))
                        }
                    } else if text == "first\nsecond\n" {
                        Task {
                            await service.appendLog("third\n", to: 1)
                            await service.put(.example(1, "a", .succeeded))
                        }
                    }
                    return true
                }
                return text
            }
            #expect(text == "first\nsecond\nthird\n")
            let rest = try await blocking {
                var rest: [UInt8] = []
                try client.log(of: .name("a"), from: 13) { bytes in
                    rest += bytes
                    return true
                }
                return String(decoding: rest, as: UTF8.self)
            }
            #expect(rest == "third\n")
        }
    }

    @Test func aShutdownEndsStreamsAndLeavesNoRequestUnanswered() async throws {
        let service = FakeJobService()
        let ended = try await withControlServer(service) { client in
            Task { try await blocking { try client.events { _ in true } } }
        }
        // The server has returned: the stream is over, without a problem or because its connection closed.
        do {
            try await ended.value
        } catch let problems as Problems {
            #expect(problems.all.map(\.code) == [.unavailable])
        }
    }

    @Test func moreClientsThanConnectionsWaitTheirTurn() async throws {
        var limits = ControlLimits()
        limits.connections = 2
        try await withControlServer(FakeJobService(), limits: limits) { client in
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<20 { group.addTask { try await blocking { try client.health().version } } }
                for try await version in group { #expect(version == "9.9") }
            }
        }
    }
}
