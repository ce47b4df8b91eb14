package import ControlAPI
import HTTPTypes
package import Hummingbird
import JobSpec
package import NIOCore
import Problems

/// The paths of the control API, each with the method that it takes.
package struct ControlRoutes: Sendable {
    typealias Handler = @Sendable (Request, ControlContext) async throws -> Response

    let service: any JobService
    let permissions: Permissions
    let limits: ControlLimits
    let connections: ConnectionTable
    let identify: @Sendable (any Channel) async throws -> Caller

    /// `identify` tells who called; by default the kernel does.
    package init(
        service: any JobService, permissions: Permissions, limits: ControlLimits = ControlLimits(),
        connections: ConnectionTable? = nil,
        identify: @escaping @Sendable (any Channel) async throws -> Caller = PeerCredentials.caller(of:)
    ) {
        self.service = service
        self.permissions = permissions
        self.limits = limits
        self.connections = connections ?? ConnectionTable(limits)
        self.identify = identify
    }

    private var table: [(path: String, methods: [(HTTPRequest.Method, Handler)])] {
        [
            ("/v1/jobs", [(.get, listJobs), (.post, submitJob)]),
            ("/v1/jobs/{job}", [(.get, showJob)]),
            ("/v1/jobs/{job}/spec", [(.get, showSpecification)]),
            ("/v1/jobs/{job}/why", [(.get, explainJob)]),
            ("/v1/jobs/{job}/log", [(.get, readLog)]),
            ("/v1/jobs/{job}/cancel", [(.post, changing { _, _ in .cancel })]),
            ("/v1/jobs/{job}/hold", [(.post, changing { _, _ in .hold })]),
            ("/v1/jobs/{job}/release", [(.post, changing { _, _ in .release })]),
            ("/v1/jobs/{job}/requeue", [(.post, changing { _, _ in .requeue })]),
            ("/v1/jobs/{job}/priority", [(.post, changing(readPriority))]),
            ("/v1/rejections", [(.get, listRejections)]),
            ("/v1/models", [(.get, listModels)]),
            ("/v1/events", [(.get, streamEvents)]),
            ("/v1/health", [(.get, showHealth)]),
            ("/v1/drain", [(.post, controlling(.drain))]),
            ("/v1/resume", [(.post, controlling(.resume))]),
            ("/v1/reload", [(.post, controlling(.reload))]),
            ("/metrics", [(.get, showMetrics)]),
        ]
    }

    package func router() -> Router<ControlContext> {
        let router = Router(context: ControlContext.self)
        router.add(middleware: ProblemMiddleware())
        for (path, methods) in table {
            for (method, handler) in methods { router.on(RouterPath(path), method: method, use: handler) }
            let allowed = methods.map(\.0)
            for method in Self.knownMethods where !allowed.contains(method) {
                router.on(RouterPath(path), method: method) { request, _ -> Response in
                    throw Refusal(
                        .methodNotAllowed,
                        Problem(
                            .invalid, "\(request.method.rawValue) is not possible on \(request.uri.path.prefix(200))",
                            remedy: "Use \(allowed.map(\.rawValue).joined(separator: " or "))."),
                        headers: [.allow: allowed.map(\.rawValue).joined(separator: ", ")])
                }
            }
        }
        return router
    }

    private static let knownMethods: [HTTPRequest.Method] = [
        .get, .head, .post, .put, .delete, .connect, .options, .trace, .patch,
    ]
}
