import Problems

/// The longest wait for what must come. It guards against hanging only: a machine may be as slow as it likes.
public let patience = Duration.seconds(900)

/// Waits until `value` gives something, and returns it; after `patience` it throws. Nothing is cancelled then, as by a
/// time limit of Swift Testing: cancelling the task that serves a NIO server traps (swift-nio #3481) and ends the whole
/// process.
@discardableResult
public func eventually<Value>(_ what: String, _ value: () async throws -> Value?) async throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now + patience
    while true {
        if let value = try await value() { return value }
        guard clock.now < deadline else { throw Problem(.unavailable, "not within \(patience): \(what)") }
        try await clock.sleep(for: .milliseconds(5))
    }
}

/// Waits until `condition` holds.
public func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    try await eventually(what) { try await condition() ? () : nil }
}
