public import ControlAPI
import DurableFiles
import Foundation
import JobQueue
import JobSpec
import Logging
public import Problems
import Spool
import StrictJSON

/// Published models.
extension Scheduler {
    /// Lets `models/NAME` mean the model of a training that has just succeeded, before any job that waits for it starts. Throws only
    /// what passes by itself.
    func publishModel(of job: JobRecord) throws {
        do {
            try link(job)
        } catch {
            if Problem(error).code == .diskFull { throw error }
            // Such as a directory of that name. It is for people to mend, and the model can be named as job:ID meanwhile.
            logger.error(
                "the model of job \(job.id) is not linked as models/\(job.name), which is tried again: \(error)")
            unlinked.insert(job.id)
        }
    }

    /// Makes the links that could not be made before.
    func linkModels() {
        for id in unlinked.sorted().prefix(100) {
            // Told when it failed first.
            guard let job = try? store.job(id), (try? link(job)) != nil else { continue }
            unlinked.remove(id)
            logger.notice("the model of job \(id) is linked as models/\(job.name)")
            attempt("note that job \(id) is told") { try store.setAnnounced(id) }
        }
    }

    /// Nothing to be done for a job without a model, or one whose name means the model of a later job already.
    private func link(_ job: JobRecord) throws {
        guard job.kind == .train, try files.exists("\(directory(of: job))/\(JobFiles.model)") else { return }
        let link = "\(layout.models)/\(job.name)"
        if try files.status(link)?.kind == .symbolicLink {
            let target = Path.name(Path.parent(try files.symbolicLinkTarget(link)))
            if let other = SpoolLayout.job(fromDirectoryName: target), other.id > job.id { return }
        }
        let policy = try PathPolicy(spool: settings.spool, allowedPaths: settings.allowedPaths, in: files)
        try ModelResolver(layout, policy, in: files).publish(job.name, from: job.directory)
    }

    public nonisolated func models() async throws(Problem) -> [ModelSummary] {
        let layout = await self.layout
        do {
            return try files.list(layout.models).entries.filter { !$0.name.hasPrefix(".") }
                .compactMap { try summary(of: $0.name, layout) }
        } catch {
            throw Problem(error)
        }
    }

    /// Nil for a link that leads nowhere, as when its job was removed.
    private nonisolated func summary(of name: String, _ layout: SpoolLayout) throws -> ModelSummary? {
        let link = "\(layout.models)/\(name)"
        guard try files.status(link, followsLinks: true)?.kind == .directory, let status = try files.status(link) else {
            return nil
        }
        let path = try files.resolved(link)
        let job = SpoolLayout.job(fromDirectoryName: Path.name(Path.parent(path)))?.id
        return ModelSummary(
            name: name, path: path, architecture: architecture(path), job: job,
            publishedAt: Date(timeIntervalSince1970: Double(status.modified) / 1e9), bytes: try size(path))
    }

    /// What the model says it is; nil when it does not say.
    private nonisolated func architecture(_ path: String) -> String? {
        // That of a pipeline, or of a network by itself, such as an autoencoder.
        for name in ["model_index.json", "config.json"] {
            // A directory without the file, or with a damaged one, is listed all the same.
            guard let bytes = try? files.read("\(path)/\(name)", limit: 1 << 20) else { continue }
            return (try? JSONNode.parse(bytes))?["_class_name"]?.string
        }
        return nil
    }

    private nonisolated func size(_ path: String) throws -> Int {
        try files.list(path).entries.reduce(0) { sum, entry in
            let inner = "\(path)/\(entry.name)"
            return sum + (entry.kind == .directory ? try size(inner) : try files.status(inner)?.size ?? 0)
        }
    }
}
