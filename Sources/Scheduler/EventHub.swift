package import ControlAPI
package import Foundation
package import JobSpec
import Problems

/// Hands job events to everyone who listens, and the newest again to those who come back.
package struct EventHub {
    /// Changes of state, and refusals, that are kept at least.
    private static let kept = 64
    /// Events that a listener may be behind.
    private static let patience = 256

    private var listeners: [UUID: JobEvents.Stream.Continuation] = [:]
    private var sequence: Int
    /// The newest changes of state. Progress is not kept: the next replaces it.
    private var recent: [JobEvent] = []
    /// Changes up to this number are not known any more.
    private var forgotten: Int

    /// Counts from the millisecond of the daemon's start: no number of an earlier daemon comes again.
    package init(startedAt: Date) {
        // Whatever the clock says, there are numbers left to count with.
        sequence = min(max(0, Int(saturating: startedAt.timeIntervalSince1970 * 1000)), 1 << 53)
        forgotten = sequence
    }

    /// A stream of events from now on, and of those after the number `last`. It ends when its consumer does not keep up. `ended` is called,
    /// from anywhere, when the consumer has gone.
    package mutating func listen(after last: Int?, ended: @escaping @Sendable (UUID) -> Void) -> JobEvents {
        let id = UUID()
        let (stream, continuation) = JobEvents.Stream.makeStream(bufferingPolicy: .bufferingOldest(Self.patience))
        continuation.onTermination = { _ in ended(id) }
        listeners[id] = continuation
        guard let last else { return JobEvents(stream, isComplete: true) }
        guard (forgotten...sequence).contains(last) else { return JobEvents(stream, isComplete: false) }
        for event in recent where event.sequence > last { continuation.yield(event) }
        return JobEvents(stream, isComplete: true)
    }

    package mutating func remove(_ id: UUID) { listeners[id] = nil }

    package mutating func send(_ kind: JobEvent.Kind, _ job: JobStatus, at time: Date) {
        sequence += 1
        send(JobEvent(sequence: sequence, kind: kind, time: time, job: job))
    }

    package mutating func send(_ rejection: Rejection) {
        sequence += 1
        send(JobEvent(sequence: sequence, time: rejection.rejectedAt, rejection: rejection))
    }

    private mutating func send(_ event: JobEvent) {
        if event.kind != .progress { keep(event) }
        for (id, listener) in listeners {
            if case .dropped = listener.yield(event) {
                // It gets the events up to here, and none after.
                listener.finish(throwing: JobEvents.Lost())
                listeners[id] = nil
            }
        }
    }

    private mutating func keep(_ event: JobEvent) {
        recent.append(event)
        guard recent.count > 2 * Self.kept else { return }
        forgotten = recent[recent.count - Self.kept - 1].sequence
        recent.removeFirst(recent.count - Self.kept)
    }

    package mutating func finish() {
        for listener in listeners.values { listener.finish() }
        listeners = [:]
    }
}
