import ControlAPI
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Problems
import StrictJSON

/// A refusal whose HTTP status is not the one of its problem's code.
struct Refusal: Error {
    var status: HTTPResponse.Status
    var problems: Problems
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ problem: Problem, headers: HTTPFields = [:]) {
        self.init(status, Problems([problem]), headers: headers)
    }

    init(_ status: HTTPResponse.Status, _ problems: Problems, headers: HTTPFields = [:]) {
        self.status = status
        self.problems = problems
        self.headers = headers
    }
}

extension Response {
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:])
        throws(Problem) -> Response
    {
        let bytes = try JSONText.encode(value)
        return .bytes(bytes, type: "application/json", status: status, headers: headers)
    }

    static func bytes(
        _ bytes: [UInt8], type: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = type
        let whole = ByteBuffer(bytes: bytes)
        guard bytes.count > piece else {
            return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: whole))
        }
        // In pieces, so that it is seen whether a slow client takes any.
        let body = ResponseBody(contentLength: bytes.count) { writer in
            var rest = whole
            while let part = rest.readSlice(length: min(piece, rest.readableBytes)), part.readableBytes > 0 {
                try await writer.write(part)
            }
            try await writer.finish(nil)
        }
        return Response(status: status, headers: headers, body: body)
    }

    /// Bytes that are written at a time.
    static let piece = 64 << 10

    static func refusal(_ refusal: Refusal) throws(Problem) -> Response {
        let document = ProblemDocument(refusal.problems, status: Int(clamping: refusal.status.code))
        return .bytes(
            try JSONText.encode(document), type: ProblemDocument.mediaType, status: refusal.status,
            headers: refusal.headers)
    }
}

/// Turns whatever a route throws into an `application/problem+json` answer.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = ControlContext

    func handle(
        _ request: Request, context: ControlContext, next: (Request, ControlContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let refusal as Refusal {
            return try .refusal(refusal)
        } catch let problem as Problem {
            return try answer(Problems([problem]), context)
        } catch let problems as Problems {
            return try answer(problems, context)
        } catch let error as HTTPError where error.status == .notFound {
            let problem = Problem(
                .missing, "there is nothing at \(request.uri.path.prefix(200))",
                remedy:
                    "The paths are those of docs/operation.md: /v1/jobs, /v1/rejections, /v1/models, /v1/events, /v1/health, /metrics."
            )
            return try .refusal(Refusal(.notFound, problem))
        } catch let error as HTTPError {
            return try .refusal(Refusal(error.status, Problem(.invalid, error.body ?? error.status.reasonPhrase)))
        } catch let error as any HTTPResponseError {
            return try .refusal(Refusal(error.status, Problem(.invalid, "the request is not valid: \(error)")))
        }
        // Anything else is a broken connection; Hummingbird closes it.
    }

    private func answer(_ problems: Problems, _ context: ControlContext) throws(Problem) -> Response {
        let status = HTTPResponse.Status(code: problems.all[0].code.httpStatus)
        if problems.all.contains(where: { $0.code == .internal }) { context.logger.error("\(problems)") }
        return try .refusal(Refusal(status, problems))
    }
}
