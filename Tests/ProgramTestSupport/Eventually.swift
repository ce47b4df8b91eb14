import Problems

/// Waits until `value` gives something, and returns it. The limit is for tests that hang, not for slow machines.
@discardableResult
public func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(120), _ value: () throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    while true {
        if let value = try value() { return value }
        guard clock.now < deadline else { throw Problem(.unavailable, "within \(limit) it did not come that \(what)") }
        try await clock.sleep(for: .milliseconds(5))
    }
}

/// Waits until `condition` holds.
public func eventually(
    _ what: String, within limit: Duration = .seconds(120), _ condition: () throws -> Bool
) async throws {
    try await eventually(what, within: limit) { try condition() ? () : nil }
}
