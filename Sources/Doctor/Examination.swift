import DurableFiles
import Foundation
import Glibc
import JobQueue
public import Problems
import Spool

/// Looks at a spool, its store and the machine, and changes nothing.
public struct Examination: Sendable {
    /// Absolute path of the spool.
    let spool: String
    let stateDirectory: String
    let allowedPaths: [String]
    let minFreeDisk: Int
    /// By the texts of the unit's drop-ins, what they do not open to the service.
    let closedPlaces: @Sendable ([String]) -> [Problem]
    let files = PosixFileSystem()
    var layout: SpoolLayout { SpoolLayout(root: spool) }
    private(set) var diagnosis = Diagnosis()

    public init(
        spool: String, stateDirectory: String? = nil, allowedPaths: [String] = [], minFreeDisk: Int = 0,
        closedPlaces: @escaping @Sendable ([String]) -> [Problem] = { _ in [] }
    ) {
        self.closedPlaces = closedPlaces
        self.spool = spool
        self.stateDirectory = stateDirectory ?? SpoolLayout(root: spool).state
        self.allowedPaths = allowedPaths
        self.minFreeDisk = minFreeDisk
    }

    /// Everything, once.
    public static func run(_ examination: Examination) -> Diagnosis {
        var examination = examination
        examination.lookAtDirectories()
        examination.lookAtDrops()
        examination.lookAtDisk()
        examination.lookAtJobs()
        examination.lookAtModels()
        examination.lookAtUnit()
        return examination.diagnosis
    }

    mutating func note(_ area: Finding.Area, _ weight: Finding.Weight, _ problem: Problem) {
        diagnosis.findings.append(Finding(area, weight, problem))
    }

    mutating func count(jobs: Int) { diagnosis.jobs = jobs }

    mutating func countState() { diagnosis.statesRead += 1 }

    /// Does what may fail; a failure is a finding of its own.
    mutating func attempt(_ area: Finding.Area, _ body: (inout Examination) throws -> Void) {
        do {
            try body(&self)
        } catch {
            note(
                area, .error,
                error as? Problem ?? Problem(.io, "something cannot be looked at", cause: error.systemReason))
        }
    }

    // MARK: - Directories

    private mutating func lookAtDirectories() {
        for directory in [spool, layout.incoming, layout.rejected, layout.jobs, layout.models, stateDirectory] {
            attempt(.directories) { try $0.lookAtDirectory(directory) }
        }
        for fault in allowedPaths.compactMap({ PathPolicy.fault(ofAllowed: $0, in: files) }) {
            note(.directories, .warning, fault)
        }
    }

    private mutating func lookAtDirectory(_ path: String) throws {
        guard let status = try files.status(path, followsLinks: true) else {
            return note(
                .directories, .warning,
                Problem(
                    .missing, "\(path) is missing", remedy: "diffd makes it when it starts: systemctl restart diffd."))
        }
        guard status.kind == .directory else {
            return note(
                .directories, .error,
                Problem(.invalid, "\(path) is not a directory", remedy: "Move it away; diffd then makes the directory.")
            )
        }
        let rubbish = try files.list(path).entries.filter { $0.name.hasPrefix(".") && $0.name.contains(".tmp-") }
        if !rubbish.isEmpty, !isInUse {
            note(
                .directories, .warning,
                Problem(
                    .interrupted, "\(path) holds \(rubbish.count) things that were being written when diffd last ended",
                    remedy: "diffd removes them when it starts."))
        }
    }

    /// So many seconds may a drop lie there before it is worth a word.
    private static let dropPatience = 120.0

    /// What lies in `incoming/` and is neither taken in nor refused.
    private mutating func lookAtDrops() {
        attempt(.directories) { examination in
            let incoming = examination.layout.incoming
            guard try examination.files.exists(incoming) else { return }
            let listing = try examination.files.list(incoming)
            for entry in listing.entries where !entry.name.hasPrefix(".") {
                guard let status = try examination.files.status(Path.join(incoming, entry.name)),
                    Date.now.timeIntervalSince1970 - status.changed.secondsSince1970 > Self.dropPatience
                else { continue }
                examination.note(
                    .directories, .warning,
                    Problem(
                        .unavailable, "incoming/\(entry.name) is neither taken in nor refused",
                        remedy: "See what diffctl status says of it; move it away, or chmod -R g+rwX it.",
                        file: Path.join(incoming, entry.name)))
            }
            try examination.lookAtReceipts()
            for name in listing.unreadableNames {
                examination.note(
                    .directories, .warning,
                    Problem(.invalid, "a name in incoming/ is not UTF-8: \(name)", remedy: "Rename it."))
            }
        }
    }

    /// For so many seconds a refusal is worth a word, and so many of the newest are told.
    private static let receiptAge = 7 * 86_400.0
    private static let receiptsTold = 10

    private mutating func lookAtReceipts() throws {
        guard try files.exists(layout.rejected) else { return }
        for (path, receipt) in try layout.receipts(newest: Self.receiptsTold, in: files)
        where Date.now.timeIntervalSince(receipt.rejectedAt) < Self.receiptAge {
            guard let problem = receipt.problems.first else { continue }
            let rest = receipt.problems.count - 1
            note(
                .directories, .warning,
                Problem(
                    problem.code,
                    "the drop \(receipt.name) was refused: \(problem.message)" + (rest > 0 ? "; and \(rest) more" : ""),
                    remedy:
                        "Mend it and drop it again. Remove it and its receipt from rejected/ to silence this message.",
                    file: path))
        }
    }

    /// Whether a daemon works on the spool.
    var isInUse: Bool {
        // One whose lock cannot be looked at is taken for one that runs: nothing is said that could be wrong then.
        guard let holder = try? FileLock.holder(spool + "/.diffd.lock") else { return true }
        return holder != .nobody
    }

    // MARK: - Disk

    private mutating func lookAtDisk() {
        guard let space = try? DiskSpace(at: spool) else { return }
        let free = space.free
        if free < minFreeDisk {
            note(
                .disk, .error,
                Problem(
                    .diskFull,
                    "\(free >> 20) MiB are free where the spool lies, and min_free_disk is \(minFreeDisk >> 20) MiB",
                    remedy: "Make space, or lower min_free_disk: diffd goes on by itself."))
        }
        if let files = space.freeFiles, files < 1000 {
            note(
                .disk, .error,
                Problem(
                    .diskFull, "only \(files) inodes are free where the spool lies",
                    remedy: "Remove files, for instance directories of jobs that have ended."))
        }
    }

    // MARK: - Models

    private mutating func lookAtModels() {
        attempt(.models) { examination in
            guard try examination.files.exists(examination.layout.models) else { return }
            for entry in try examination.files.list(examination.layout.models).entries where !entry.name.hasPrefix(".")
            {
                let path = Path.join(examination.layout.models, entry.name)
                if try examination.files.status(path, followsLinks: true)?.kind != .directory {
                    examination.note(
                        .models, .warning,
                        Problem(
                            .missing, "the model \(entry.name) leads nowhere",
                            remedy: "Remove the link \(path), or train the model again."))
                }
            }
        }
    }

    // MARK: - Unit

    private func dropIns() -> [String] {
        ["/etc/systemd/system", "/run/systemd/system"].flatMap { place -> [String] in
            let directory = place + "/diffd.service.d"
            // One that is missing or cannot be read opens nothing, as far as can be told.
            let names = (try? files.list(directory).entries.map(\.name)) ?? []
            return names.filter { $0.hasSuffix(".conf") }.compactMap { name in
                (try? files.read(Path.join(directory, name), limit: 1 << 20, followsLinks: true)).map {
                    String(decoding: $0, as: UTF8.self)
                }
            }
        }
    }

    /// Only where systemd runs and the unit is installed.
    private mutating func lookAtUnit() {
        let places = [
            "/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/usr/local/lib/systemd/system",
        ]
        guard access("/run/systemd/system", F_OK) == 0,
            places.contains(where: { access($0 + "/diffd.service", F_OK) == 0 })
        else { return }
        for problem in closedPlaces(dropIns()) { note(.unit, .error, problem) }
        for unit in ["diffd.socket", "diffd.service"] {
            if access("/etc/systemd/system/multi-user.target.wants/\(unit)", F_OK) != 0,
                access("/etc/systemd/system/sockets.target.wants/\(unit)", F_OK) != 0
            {
                note(
                    .unit, .warning,
                    Problem(
                        .unavailable, "\(unit) is not enabled: it does not start with the machine",
                        remedy: "systemctl enable --now \(unit)"))
            }
        }
        if !isInUse {
            note(
                .unit, .warning,
                Problem(
                    .unavailable, "no diffd works on \(spool)",
                    remedy: "systemctl start diffd; if it does not start: journalctl -u diffd -e."))
        }
    }
}
