import ControlAPI
import Foundation
import HTTPTypes
import Hummingbird
import JobSpec
import Logging
import NIOCore
import Problems
import StrictJSON

extension ControlRoutes {
    /// `GET /v1/jobs?state=queued,running&name=NAME&limit=N&next=N&drop=TOKEN&after=ID`
    func listJobs(_ request: Request, _ context: ControlContext) async throws -> Response {
        let query = request.uri.queryParameters
        var filter = JobFilter()
        if let text = query["state"] {
            filter.states = Set(
                try text.split(separator: ",", omittingEmptySubsequences: false).map { (part) throws(Problem) in
                    guard let state = JobState(rawValue: String(part)) else {
                        throw Problem(
                            .invalid, "'\(part.prefix(40))' is not a job state",
                            remedy: "States are \(JobState.allCases.map(\.rawValue).joined(separator: ", ")).")
                    }
                    return state
                })
        }
        filter.name = query["name"].map { String($0) }
        filter.drop = query["drop"].map { String($0) }
        filter.limit = try natural("limit", in: request)
        filter.next = try natural("next", in: request)
        filter.after = try natural("after", in: request)
        guard filter.limit ?? 0 <= JobList.pageSize else {
            throw Problem(
                .invalid, "limit is more than \(JobList.pageSize)",
                remedy: "Leave it out, or ask page by page: after=ID gives jobs with higher ids.")
        }
        guard filter.limit == nil, filter.drop == nil else {
            return try .json(JobList(jobs: try await service.list(filter)))
        }
        filter.limit = JobList.pageSize
        filter.after = filter.after ?? 0
        let first = try await service.list(filter)
        guard first.count == JobList.pageSize else { return try .json(JobList(jobs: first)) }
        return stream(filter, first)
    }

    /// A list that is too long to be held at once, page by page as the client takes it.
    private func stream(_ filter: JobFilter, _ first: [JobStatus]) -> Response {
        let body = ResponseBody { writer in
            var (filter, page) = (filter, first)
            var (piece, separator) = (ByteBuffer(string: #"{"jobs": ["#), "")
            while let last = page.last {
                for job in page {
                    piece.writeString(separator)
                    piece.writeBytes(try JSONText.encode(job, .line))
                    separator = ", "
                    if piece.readableBytes > Response.piece {
                        try await writer.write(piece)
                        piece.clear()
                    }
                }
                filter.after = last.id
                page = page.count < JobList.pageSize ? [] : try await service.list(filter)
            }
            piece.writeString("]}\n")
            try await writer.write(piece)
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/json"], body: body)
    }

    /// `GET /v1/rejections?name=NAME&limit=N`
    func listRejections(_ request: Request, _ context: ControlContext) async throws -> Response {
        let name = request.uri.queryParameters["name"].map { String($0) }
        let limit = try natural("limit", in: request) ?? .max
        return try .json(RejectionList(rejections: await service.rejections(named: name, limit: limit)))
    }

    /// `GET /v1/jobs/{job}`
    func showJob(_ request: Request, _ context: ControlContext) async throws -> Response {
        try .json(try await job(context))
    }

    /// `GET /v1/jobs/{job}/spec`: the job as understood, with every default filled in.
    func showSpecification(_ request: Request, _ context: ControlContext) async throws -> Response {
        .bytes(try await service.specification(of: try await job(context).id), type: "application/json")
    }

    /// `GET /v1/jobs/{job}/why`
    func explainJob(_ request: Request, _ context: ControlContext) async throws -> Response {
        try .json(try await service.why(try await job(context).id))
    }

    /// `POST /v1/jobs?name=NAME`, the job file as the body.
    func submitJob(_ request: Request, _ context: ControlContext) async throws -> Response {
        let caller = try await identify(context.channel)
        try permissions.require(.submit, by: caller)
        let body = try await jsonBody(request, context, limit: limits.jobFile)
        let name = request.uri.queryParameters["name"].map { String($0) } ?? "job"
        let job: JobStatus
        do {
            job = try await service.submit(Submission(bytes: body, suggestedName: name), by: caller)
        } catch {
            // What is wrong with the file is no fault of the request that carries it.
            switch error.all.first?.code {
            case .invalid, .missing, .corrupt, .unsupported: throw Refusal(.unprocessableContent, error)
            default: throw error
            }
        }
        context.logger.info("job \(job.id) '\(job.name)' submitted by \(caller.ownerName)")
        return try .json(job, status: .created, headers: [.location: "/v1/jobs/\(job.id)"])
    }

    /// `POST /v1/jobs/{job}/VERB`
    func changing(_ read: @escaping @Sendable (Request, ControlContext) async throws -> JobChange) -> Handler {
        { request, context in
            let target = try await job(context)
            let caller = try await identify(context.channel)
            try permissions.require(.change(owner: target.owner), by: caller)
            let change = try await read(request, context)
            do {
                let changed = try await service.change(target.id, change, by: caller)
                context.logger.info("job \(target.id) '\(target.name)': \(change) by \(caller.ownerName)")
                return try .json(changed)
            } catch let problem as Problem where problem.code == .invalid {
                throw Refusal(.conflict, problem)
            }
        }
    }

    @Sendable func readPriority(_ request: Request, _ context: ControlContext) async throws -> JobChange {
        let body = try await jsonBody(request, context, limit: 4096)
        let limit = CommonOptions.priorityLimit
        let remedy = #"Send {"priority": N}, N a whole number from \#(-limit) to \#(limit)."#
        let priority: Int
        do {
            priority = try JSONText.decode(PriorityRequest.self, from: body).priority
        } catch {
            throw Problem(.invalid, "the body does not give a priority", remedy: remedy, cause: error.cause)
        }
        // As in a job file: the store has no other.
        guard abs(Double(priority)) <= Double(limit) else {
            throw Problem(.invalid, "the priority \(priority) is out of range", remedy: remedy)
        }
        return .priority(priority)
    }

    /// The job that the path names.
    func job(_ context: ControlContext) async throws -> JobStatus {
        let text = context.parameters.get("job")?.removingPercentEncoding ?? ""
        guard let reference = JobReference(text) else {
            throw Problem(
                .missing, "'\(text.prefix(100))' cannot be a job's id or name",
                remedy: "Ids and names of jobs are listed by: diffctl list")
        }
        return try await service.job(reference)
    }

    /// A query parameter that counts something.
    func natural(_ name: Substring, in request: Request) throws(Problem) -> Int? {
        guard let text = request.uri.queryParameters[name] else { return nil }
        guard let value = Int(text, radix: 10), value >= 0 else {
            throw Problem(.invalid, "\(name) is '\(text.prefix(40))'", remedy: "Give a whole number, zero or more.")
        }
        return value
    }

    private func jsonBody(_ request: Request, _ context: ControlContext, limit: Int) async throws -> [UInt8] {
        let type = request.headers[.contentType]?.split(separator: ";").first.map {
            $0.lowercased().filter { $0 != " " }
        }
        guard type == "application/json" else {
            throw Refusal(
                .unsupportedMediaType,
                Problem(
                    .invalid, "the body must be JSON and say so",
                    remedy: "Send the header Content-Type: application/json."))
        }
        let tooLarge = Refusal(
            .contentTooLarge,
            Problem(
                .invalid, "the body is larger than \(limit) bytes", remedy: "Keep data in files that the job names."),
            headers: [.connection: "close"])
        if let length = request.headers[.contentLength].flatMap({ Int($0, radix: 10) }), length > limit {
            throw tooLarge
        }
        do {
            let body = try await withDeadline(limits.bodyTimeout, on: context.channel.eventLoop) {
                try await request.body.collect(upTo: limit)
            }
            return Array(body.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        }
    }

    /// What `work` returns, unless it takes longer than `limit`.
    ///
    /// The loop's timer goes when the work is done; a sleeping task would stay until the limit, one for each request.
    private func withDeadline<Value: Sendable>(
        _ limit: Duration, on loop: any EventLoop, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let working = Task(operation: work)
        let timer = loop.scheduleTask(in: TimeAmount(limit)) { working.cancel() }
        defer { timer.cancel() }
        let result = await withTaskCancellationHandler {
            await working.result
        } onCancel: {
            working.cancel()
        }
        // A body that was cut short is no body, even if nothing was thrown.
        try Task.checkCancellation()
        guard !working.isCancelled else {
            throw Refusal(
                .requestTimeout, Problem(.unavailable, "the request's body did not arrive within \(limit)"),
                headers: [.connection: "close"])
        }
        return try result.get()
    }
}
