public import JobSpec
public import Problems
import StrictJSON

/// Speaks the control API over the daemon's Unix socket, as `diffctl` does.
///
/// Every call blocks, opens a connection of its own and throws the daemon's problems, or `unavailable` where no daemon
/// answers. HTTP is read by a small parser of its own rather than by a client library: a command of a command line starts in
/// the time that a library's event loops would take to.
public struct ControlClient: Sendable {
    /// Path of the socket.
    public var socket: String
    /// How long the daemon may be silent within an answer.
    public var timeout: Duration

    public init(socket: String, timeout: Duration = .seconds(30)) {
        self.socket = socket
        self.timeout = timeout
    }

    public func jobs(_ filter: JobFilter = JobFilter()) throws(Problems) -> JobList {
        var query: [(String, String)] = []
        if filter.states.count < JobState.allCases.count {
            query.append(
                ("state", JobState.allCases.filter(filter.states.contains).map(\.rawValue).joined(separator: ",")))
        }
        if let name = filter.name { query.append(("name", name)) }
        let limit = filter.limit ?? .max
        // The newest of more than a page are the last of all.
        if limit <= JobList.pageSize { query.append(("limit", String(limit))) }
        if let next = filter.next { query.append(("next", String(next))) }
        if let drop = filter.drop { query.append(("drop", drop)) }
        if let after = filter.after { query.append(("after", String(after))) }
        let list: JobList = try get("/v1/jobs" + Self.encode(query: query))
        guard list.jobs.count > limit else { return list }
        return JobList(jobs: Array(filter.after == nil ? list.jobs.suffix(limit) : list.jobs.prefix(limit)))
    }

    /// The drops that were refused of late, the newest last.
    public func rejections(named name: String? = nil, limit: Int? = nil) throws(Problems) -> [Rejection] {
        var query: [(String, String)] = []
        if let name { query.append(("name", name)) }
        if let limit { query.append(("limit", String(limit))) }
        let list: RejectionList = try get("/v1/rejections" + Self.encode(query: query))
        return list.rejections
    }

    public func job(_ job: JobReference) throws(Problems) -> JobStatus { try get(Self.path(job)) }

    /// The bytes of the job's `job.json`.
    public func specification(of job: JobReference) throws(Problems) -> [UInt8] {
        try exchange(HTTPRequest("GET", Self.path(job, "spec")))
    }

    /// Hands in a job file. The daemon durably has the job when this returns.
    public func submit(_ submission: Submission) throws(Problems) -> JobStatus {
        let target = "/v1/jobs" + Self.encode(query: [("name", submission.suggestedName)])
        return try decode(exchange(HTTPRequest("POST", target, json: submission.bytes)))
    }

    public func change(_ job: JobReference, _ change: JobChange) throws(Problems) -> JobStatus {
        let request: HTTPRequest
        switch change {
        case .cancel: request = HTTPRequest("POST", Self.path(job, "cancel"))
        case .hold: request = HTTPRequest("POST", Self.path(job, "hold"))
        case .release: request = HTTPRequest("POST", Self.path(job, "release"))
        case .requeue: request = HTTPRequest("POST", Self.path(job, "requeue"))
        case .priority(let value):
            let body: [UInt8]
            do { body = try JSONText.encode(PriorityRequest(priority: value), .line) } catch {
                throw Problems([error])
            }
            request = HTTPRequest("POST", Self.path(job, "priority"), json: body)
        }
        return try decode(exchange(request))
    }

    public func why(_ job: JobReference) throws(Problems) -> WaitExplanation { try get(Self.path(job, "why")) }

    /// The job's log from byte `offset` on, handed to `receive` in pieces; with `follow` until the job has ended. `receive`
    /// returns false to stop.
    public func log(
        of job: JobReference, from offset: Int = 0, follow: Bool = false, _ receive: ([UInt8]) -> Bool
    ) throws(Problems) {
        var query = [("offset", String(offset))]
        if follow { query.append(("follow", "true")) }
        // A job may be silent for as long as it likes.
        try stream(
            HTTPRequest("GET", Self.path(job, "log") + Self.encode(query: query)), timeout: follow ? nil : timeout,
            receive)
    }

    /// Hands every event to `receive` until that returns false, the daemon stops, or this caller did not keep up. `began` is called once the daemon has
    /// begun to record events for this caller: what is listed in there is not missed by the stream.
    public func events(
        began: () throws(Problems) -> Bool = { () throws(Problems) in true },
        _ receive: (JobEvent) throws(Problems) -> Bool
    ) throws(Problems) {
        var parser = EventStreamParser()
        // Three heartbeats.
        try stream(HTTPRequest("GET", "/v1/events"), timeout: .seconds(45)) { (bytes) throws(Problems) in
            for message in parser.feed(bytes) {
                switch message.event {
                case EventStream.began: guard try began() else { return false }
                // Events are lost: whoever asks again gets to know how things stand.
                case EventStream.missed: return false
                default:
                    let event: JobEvent = try decode([UInt8](message.data.utf8))
                    guard try receive(event) else { return false }
                }
            }
            return true
        }
    }

    public func health() throws(Problems) -> Health { try get("/v1/health") }

    public func models() throws(Problems) -> ModelList { try get("/v1/models") }

    /// The daemon's health afterwards.
    @discardableResult
    public func control(_ command: ServiceCommand) throws(Problems) -> Health {
        try decode(exchange(HTTPRequest("POST", "/v1/\(command.rawValue)")))
    }

    private func get<Value: Decodable>(_ target: String) throws(Problems) -> Value {
        try decode(exchange(HTTPRequest("GET", target)))
    }

    private func decode<Value: Decodable>(_ bytes: [UInt8]) throws(Problems) -> Value {
        do {
            return try JSONText.decode(Value.self, from: bytes)
        } catch {
            throw Problems([
                Problem(
                    .unavailable, "the daemon's answer is not understood",
                    remedy: "Use the diffctl that was installed with the daemon.", cause: error.cause)
            ])
        }
    }

    private static func path(_ job: JobReference, _ rest: String? = nil) -> String {
        "/v1/jobs/" + encode(job.description) + (rest.map { "/" + $0 } ?? "")
    }

    private static func encode(query: [(String, String)]) -> String {
        query.isEmpty ? "" : "?" + query.map { "\($0)=\(encode($1))" }.joined(separator: "&")
    }

    /// Percent-encodes all but the unreserved characters of RFC 3986.
    private static func encode(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: ","):
                result.append(Character(UnicodeScalar(byte)))
            default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
    }
}
