/// What both ends of `GET /v1/events` agree on beside `JobEvent`.
package enum EventStream {
    /// Name of the first message, sent once the daemon has begun to record events for the caller. It has no content.
    package static let began = "began"
    /// Name of a second message to a caller that came back and asked for events which are not known any more. It has no content.
    package static let missed = "missed"
}
