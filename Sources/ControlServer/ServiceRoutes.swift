import ControlAPI
import Hummingbird
import Logging

extension ControlRoutes {
    /// `GET /v1/health`
    func showHealth(_ request: Request, _ context: ControlContext) async throws -> Response {
        try .json(await service.health())
    }

    /// `GET /v1/models`
    func listModels(_ request: Request, _ context: ControlContext) async throws -> Response {
        try .json(ModelList(models: try await service.models()))
    }

    /// `GET /metrics`
    func showMetrics(_ request: Request, _ context: ControlContext) async throws -> Response {
        .bytes(Array(PrometheusText.render(await service.metrics()).utf8), type: PrometheusText.mediaType)
    }

    /// `POST /v1/drain`, `/v1/resume`, `/v1/reload`; answers with the health after it.
    func controlling(_ command: ServiceCommand) -> Handler {
        { request, context in
            let caller = try await identify(context.channel)
            try permissions.require(.administer, by: caller)
            try await service.control(command, by: caller)
            context.logger.info("\(command.rawValue) by \(caller.ownerName)")
            return try .json(await service.health())
        }
    }
}
