/// What both ends of `GET /v1/events` agree on beside `JobEvent`.
package enum EventStream {
    /// Name of the first message, sent once the daemon has begun to record events for the caller. It has no content.
    package static let began = "began"
}
