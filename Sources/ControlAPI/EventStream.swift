/// What both ends of `GET /v1/events` agree on beside `JobEvent`.
package enum EventStream {
    package static let mediaType = "text/event-stream"
    /// Name of the first message, sent once the daemon has begun to record events for the caller. It has no content.
    package static let began = "began"
    /// Name of the message to a caller for whom events are lost: he came back and asked for some that are not known any more, or he
    /// reads too slowly, and the stream ends. It has no content.
    package static let missed = "missed"
    /// A comment, sent when there has been nothing else for a while, so that both ends notice when the other is gone.
    package static let heartbeat = ": still here\n\n"
}
