package import NIOCore
package import Problems
import Synchronization

/// The open connections: who has them, and what they do.
///
/// Nobody waits for a place. A newcomer for whom there is none takes that of an idle connection, or is refused at once: his own, where
/// he has as many as one user may, and otherwise one of the user who has the most. So no user keeps another from an answer.
package final class ConnectionTable: Sendable {
    /// What a connection is there for at this time.
    private enum Activity {
        /// Between two requests, or before the first, since a number that counts up.
        case idle(since: Int)
        case request
        /// A streamed answer, which lasts as long as its client listens, since such a number.
        case stream(since: Int)
    }

    private struct Connection {
        var user: UInt32
        var channel: any Channel
        var activity: Activity
    }

    private struct State {
        var connections: [ObjectIdentifier: Connection] = [:]
        var counts: [UInt32: Int] = [:]
        var clock = 0

        mutating func tick() -> Int {
            clock += 1
            return clock
        }

        mutating func set(_ channel: any Channel, _ activity: Activity) {
            connections[ObjectIdentifier(channel)]?.activity = activity
        }

        mutating func remove(_ id: ObjectIdentifier) -> (any Channel)? {
            guard let connection = connections.removeValue(forKey: id) else { return nil }
            counts[connection.user, default: 1] -= 1
            if counts[connection.user] == 0 { counts[connection.user] = nil }
            return connection.channel
        }

        /// A connection of `user` that may go: the one that has been idle for longest, and otherwise, with `andStreams`, the oldest
        /// stream.
        func expendable(of user: UInt32, andStreams: Bool) -> ObjectIdentifier? {
            var idle: (id: ObjectIdentifier, since: Int)?
            var stream: (id: ObjectIdentifier, since: Int)?
            for (id, connection) in connections where connection.user == user {
                switch connection.activity {
                case .idle(let since): if since < idle?.since ?? .max { idle = (id, since) }
                case .stream(let since): if since < stream?.since ?? .max { stream = (id, since) }
                case .request: break
                }
            }
            return idle?.id ?? (andStreams ? stream?.id : nil)
        }
    }

    private let state = Mutex(State())
    private let limits: ControlLimits

    package init(_ limits: ControlLimits) { self.limits = limits }

    /// Enters a connection that has just been made; the caller closes `evicted`. Throws code `unavailable` when there is no place.
    package func admit(_ channel: any Channel, user: UInt32) throws(Problem) -> (any Channel)? {
        try state.withLock { (state) throws(Problem) in
            var evicted: (any Channel)?
            let own = state.counts[user] ?? 0
            if own >= limits.connectionsPerUser {
                guard let id = state.expendable(of: user, andStreams: false) else {
                    throw Problem(
                        .unavailable, "user \(user) has \(own) connections to the daemon: one may have no more",
                        remedy: "End some of them, or try again in a moment.")
                }
                evicted = state.remove(id)
            } else if state.connections.count >= limits.connections {
                // Whoever has more than the newcomer makes room, and of several the one with the most.
                let largest = state.counts.max { ($0.value, $0.key) < ($1.value, $1.key) }
                guard let largest, largest.value > own,
                    let id = state.expendable(of: largest.key, andStreams: largest.key != user)
                else {
                    throw Problem(
                        .unavailable, "the daemon has \(state.connections.count) connections: it takes no more",
                        remedy: "Try again in a moment.")
                }
                evicted = state.remove(id)
            }
            state.connections[ObjectIdentifier(channel)] = Connection(
                user: user, channel: channel, activity: .idle(since: state.tick()))
            state.counts[user, default: 0] += 1
            return evicted
        }
    }

    /// A request has begun.
    package func begin(_ channel: any Channel) {
        state.withLock { $0.set(channel, .request) }
    }

    /// The answer has been sent.
    package func end(_ channel: any Channel) {
        state.withLock { (state) in
            let now = state.tick()
            state.set(channel, .idle(since: now))
        }
    }

    /// The answer under way will go on for as long as its client listens. Throws code `unavailable` for a user who has too many such.
    package func beginStream(_ channel: any Channel) throws(Problem) {
        try state.withLock { (state) throws(Problem) in
            // Not there any more: its end is noticed at the first write.
            guard let user = state.connections[ObjectIdentifier(channel)]?.user else { return }
            let streams = state.connections.values.count {
                if case .stream = $0.activity { $0.user == user } else { false }
            }
            guard streams < limits.streamsPerUser else {
                throw Problem(
                    .unavailable, "user \(user) follows \(streams) streams of events and logs: one may follow no more",
                    remedy: "End some of them: diffctl watch, wait and logs -f.")
            }
            let now = state.tick()
            state.set(channel, .stream(since: now))
        }
    }

    /// The connection has ended.
    package func remove(_ channel: any Channel) {
        state.withLock { _ = $0.remove(ObjectIdentifier(channel)) }
    }

    /// Closes whatever is still open.
    func closeAll() {
        let channels = state.withLock { $0.connections.values.map(\.channel) }
        for channel in channels { channel.close(promise: nil) }
    }
}
