internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#endif

/// Whether the worker was asked to save its state and end: SIGTERM, or SIGINT from a terminal.
final class StopRequest: Sendable {
    private let isMade = Atomic(false)
    private nonisolated(unsafe) var sources: [any DispatchSourceSignal] = []

    /// Begins to listen; from here on the signals no longer end the process.
    init() {
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in self?.isMade.store(true, ordering: .relaxed) }
            source.resume()
            // Only written here, before anybody else has the object.
            sources.append(source)
        }
    }

    var wasMade: Bool { isMade.load(ordering: .relaxed) }

    /// For places within a step.
    ///
    /// - Throws: `Stopped` when the request was made.
    func check() throws {
        if wasMade { throw Stopped() }
    }
}

/// Thrown to give up what is in work, which is begun again by the next attempt.
struct Stopped: Error {}
