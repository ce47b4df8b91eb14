import ControlAPI
import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import Spool
import StrictJSON

/// Hands in a directory with a job and its input files: by the spool's drop protocol, since files do not go through the
/// socket.
struct BundleDrop {
    var client: ControlClient
    /// How long the daemon may take to accept or reject the drop.
    var limit = Duration.seconds(60)

    func submit(_ file: JobFile) throws -> JobStatus {
        let layout = SpoolLayout(root: try client.health().spool)
        let name = file.spec.name
        let directory = URL(fileURLWithPath: file.path).lastPathComponent
        let target = Path.join(layout.incoming, directory)
        let files = PosixFileSystem()
        guard try !files.exists(target) else {
            throw Problem(
                .unavailable, "\(target) is there already and not yet accepted",
                remedy: "Wait until diffd has taken it.")
        }
        let token = try files.publishDirectory(target) { temporary in
            // The daemon moves it, and who moves a directory writes into it.
            try share(temporary, mode: 0o3770)
            try copy(file.path, to: temporary, files)
            // As it was read, with what the command line sets.
            try files.writeAtomically(file.bytes, to: Path.join(temporary, "job.json"), mode: 0o640)
            try share(Path.join(temporary, "job.json"), mode: 0o640)
            return try files.status(temporary)?.dropToken
        }
        guard let token else {
            throw Problem(.interrupted, "\(target) is gone", remedy: "Hand it in again.")
        }

        let deadline = ContinuousClock.now + limit
        while .now < deadline {
            // Others may hand in jobs of the same name meanwhile: the drop is known by its token.
            if let job = try client.jobs(JobFilter(name: name, drop: token)).jobs.last { return job }
            for entry in try files.list(layout.rejected).entries where entry.name.hasPrefix(directory.prefix(40)) {
                guard let receipt = receipt(Path.join(layout.rejected, entry.name), files), receipt.token == token
                else { continue }
                throw Problems(receipt.problems)
            }
            Thread.sleep(forTimeInterval: 0.1)
        }
        throw Problem(
            .unavailable, "diffd has not taken \(target) within \(limit)",
            remedy: "It stays there and is taken when diffd gets to it; see: systemctl status diffd")
    }

    /// Nil for what is no receipt, or not yet there as a whole.
    private func receipt(_ path: String, _ files: PosixFileSystem) -> Receipt? {
        guard path.hasSuffix(".error.json"), let bytes = try? files.read(path, limit: 16 << 20) else { return nil }
        return try? JSONText.decode(Receipt.self, from: bytes)
    }

    /// Sets the mode in spite of the user's umask: in the spool the group is the daemon's, which is to read it.
    private func share(_ path: String, mode: mode_t) throws {
        guard chmod(path, mode) == 0 else {
            throw Problem(
                .io, "cannot set the mode of \(path)", remedy: "See that the spool's file system keeps modes.",
                cause: String(cString: strerror(errno)))
        }
    }

    private func copy(_ source: String, to target: String, _ files: PosixFileSystem) throws {
        for entry in try files.list(source).entries {
            let from = Path.join(source, entry.name)
            let to = Path.join(target, entry.name)
            switch entry.kind {
            case .directory:
                try files.createDirectory(to, mode: 0o750)
                try share(to, mode: 0o2750)
                try copy(from, to: to, files)
            case .regular:
                do {
                    try FileManager.default.copyItem(atPath: from, toPath: to)
                } catch {
                    throw Problem(
                        .io, "cannot copy \(from) to \(to)",
                        remedy: "See that the file can be read, and that there is space.",
                        cause: error.systemReason)
                }
                try share(to, mode: 0o640)
            case .symbolicLink, .special:
                throw Problem(
                    .unsupported, "\(from) is neither a file nor a directory",
                    remedy: "Put the file itself into the directory.")
            }
        }
    }
}
