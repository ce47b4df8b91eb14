import ControlAPI
import Foundation
import JobSpec

/// Hands job events to everyone who listens.
struct EventHub {
    private var listeners: [UUID: AsyncStream<JobEvent>.Continuation] = [:]
    private var sequence = 0

    /// A stream of events from now on. `ended` is called, from anywhere, when its consumer has gone.
    mutating func listen(ended: @escaping @Sendable (UUID) -> Void) -> AsyncStream<JobEvent> {
        let id = UUID()
        let (stream, continuation) = AsyncStream.makeStream(of: JobEvent.self, bufferingPolicy: .bufferingNewest(1024))
        continuation.onTermination = { _ in ended(id) }
        listeners[id] = continuation
        return stream
    }

    mutating func remove(_ id: UUID) { listeners[id] = nil }

    mutating func send(_ kind: JobEvent.Kind, _ job: JobStatus, at time: Date) {
        sequence += 1
        for listener in listeners.values {
            listener.yield(JobEvent(sequence: sequence, kind: kind, time: time, job: job))
        }
    }

    mutating func finish() {
        for listener in listeners.values { listener.finish() }
        listeners = [:]
    }
}
