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

    /// Nothing to be done for a job without a model, or one whose name means the model of a later job already. A link
    /// that somebody else
    /// has made means nothing to jobs, whatever its target is called, and is replaced.
    private func link(_ job: JobRecord) throws {
        guard job.kind == .train, try files.exists("\(directory(of: job))/\(JobFiles.model)") else { return }
        let link = "\(layout.models)/\(job.name)"
        if let status = try files.status(link), status.kind == .symbolicLink {
            if ModelResolver.isTrusted(status) {
                let target = try files.symbolicLinkTarget(link)
                let directory = Path.name(Path.parent(target))
                if let other = SpoolLayout.job(fromDirectoryName: directory), other.id > job.id,
                    target == ModelResolver.target(directory), try store.job(other.id) != nil
                {
                    return
                }
            } else {
                logger.warning("the link models/\(job.name), which user \(status.owner) has made, is replaced")
            }
        }
        let policy = try PathPolicy(spool: settings.spool, allowedPaths: settings.allowedPaths, in: files)
        try ModelResolver(layout, policy, in: files).publish(job.name, from: job.directory)
    }

    // MARK: - The list

    /// The models by name. However many ask, one thread looks, and once for all that have asked meanwhile.
    public func models() async throws(Problem) -> [ModelSummary] {
        let look =
            modelsLook
            ?? Task { [layout, files, modelsThread] in
                do {
                    return .success(try await modelsThread.run { try ModelCatalog(layout, files).summaries() })
                } catch {
                    return .failure(error)
                }
            }
        modelsLook = look
        let result = await look.value
        if modelsLook == look { modelsLook = nil }
        do { return try result.get() } catch { throw Problem(error) }
    }
}

/// What lies under `models/`.
private struct ModelCatalog {
    /// No model has more files: of a directory that does, no more are counted.
    private static let largest = 10_000

    private let layout: SpoolLayout
    private let files: any FileSystem

    init(_ layout: SpoolLayout, _ files: any FileSystem) {
        self.layout = layout
        self.files = files
    }

    func summaries() throws -> [ModelSummary] {
        try files.list(layout.models).entries.filter { !$0.name.hasPrefix(".") && $0.kind != .regular }
            .compactMap { try summary(of: $0.name) }
    }

    /// Nil for a link that leads nowhere, as when its job was removed, or that somebody else has made.
    private func summary(of name: String) throws -> ModelSummary? {
        let link = "\(layout.models)/\(name)"
        guard let status = try files.status(link), status.kind != .symbolicLink || ModelResolver.isTrusted(status),
            try files.status(link, followsLinks: true)?.kind == .directory
        else { return nil }
        let path = try files.resolved(link)
        let job = SpoolLayout.job(fromDirectoryName: Path.name(Path.parent(path)))?.id
        var rest = Self.largest
        let description = description(path)
        let classes = (description?["id2label"]?.members ?? []).compactMap(\.node.string)
        return ModelSummary(
            name: name, path: path, architecture: description?["_class_name"]?.string, job: job,
            publishedAt: Date(timeIntervalSince1970: status.modified.secondsSince1970), bytes: try size(path, &rest),
            classes: classes.isEmpty ? nil : classes)
    }

    /// What the model says of itself; nil when it says nothing.
    private func description(_ path: String) -> JSONNode? {
        // A pipeline, or a network by itself, such as an autoencoder.
        for name in ["model_index.json", "config.json"] {
            // A directory without the file, or with a damaged one, is listed all the same.
            guard let bytes = try? files.read("\(path)/\(name)", limit: 1 << 20) else { continue }
            return try? JSONNode.parse(bytes)
        }
        return nil
    }

    private func size(_ path: String, _ rest: inout Int) throws -> Int {
        var sum = 0
        for entry in try files.list(path).entries {
            guard rest > 0 else { break }
            rest -= 1
            let inner = "\(path)/\(entry.name)"
            sum +|= entry.kind == .directory ? try size(inner, &rest) : try files.status(inner)?.size ?? 0
        }
        return sum
    }
}
