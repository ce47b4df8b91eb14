public import DurableFiles
import Foundation
import Glibc
public import Problems

/// Directories that the daemon and its workers rely on. In a spool where members may write, whoever makes one first could read what is
/// put there, and exchange it.
extension SpoolLayout {
    /// Makes the directories of the cache where they are missing. What another user has made in their place is moved aside.
    ///
    /// - Returns: what is to be told about that.
    /// - Throws: `denied` where it cannot be moved.
    @discardableResult
    public func secureCache(in files: any FileSystem) throws -> Problem? {
        var aside: Problem?
        for directory in [cache, latents] {
            if let status = try files.status(directory), try !isTrusted(directory, isPrivate: true, in: files) {
                let other = "\(directory).of-\(status.owner)-\(UUID().uuidString.prefix(8))"
                do {
                    try files.rename(directory, to: other)
                } catch {
                    throw Self.untrusted(directory, status)
                }
                aside = Problem(
                    .denied, "\(directory) could be changed by others, and was moved aside",
                    remedy: "Remove \(other) when nobody misses it.", file: directory)
            }
            try files.createDirectoriesDurably(directory, mode: 0o700)
        }
        for directory in [cache, latents] { try requireTrusted(directory, in: files) }
        return aside
    }

    /// Throws code `denied` where `directory` is another user's.
    public func requireTrusted(_ directory: String, in files: any FileSystem) throws {
        guard let status = try files.status(directory), try !isTrusted(directory, in: files) else { return }
        throw Self.untrusted(directory, status)
    }

    /// Those who can exchange everything in the spool anyway: root, the daemon's own user, and the spool's owner.
    /// A link counts as what it leads to, if it is theirs too.
    private func isTrusted(_ directory: String, isPrivate: Bool = false, in files: any FileSystem) throws -> Bool {
        let trusted = [geteuid(), 0, try files.status(root, followsLinks: true)?.owner]
        guard let entry = try files.status(directory), trusted.contains(entry.owner),
            let target = try files.status(directory, followsLinks: true)
        else { return false }
        return target.kind == .directory && trusted.contains(target.owner) && (!isPrivate || target.mode & 0o022 == 0)
    }

    private static func untrusted(_ directory: String, _ status: FileStatus) -> Problem {
        Problem(
            .denied, "\(directory) is no directory of the daemon's user, but user \(status.owner)'s",
            remedy: "Move it away: diffd makes one of its own.", file: directory)
    }
}
