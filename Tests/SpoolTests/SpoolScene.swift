import DurableFiles
import Foundation
import JobSpec
import Problems
import Spool
import TestSupport

/// A spool of a test's own, with a clock that the test sets.
struct SpoolScene {
    static let job = """
        {"kind": "train", "model": {"architecture": "mlp"}, "dataset": {"format": "synthetic", "name": "spiral"},
         "training": {"steps": 10}}
        """
    static let folderJob = """
        {"kind": "train", "model": {"architecture": "unet2d", "block_out_channels": [32], "sample_size": 8},
         "dataset": {"format": "image_folder", "path": "pictures"}, "training": {"steps": 10}}
        """

    let directory: TemporaryDirectory
    let layout: SpoolLayout
    let files = PosixFileSystem()
    var incoming: Incoming

    init() throws {
        directory = try TemporaryDirectory()
        layout = SpoolLayout(root: directory.path)
        try layout.prepare(in: files)
        incoming = Incoming(layout, in: files)
    }

    func drop(_ name: String, _ text: String) throws {
        let url = URL(filePath: layout.incoming + "/" + name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    /// Scans at `seconds` and says what was decided: `a.json: job a`, `b.json: ` and the first problem.
    mutating func decided(at seconds: Double) throws -> [String] {
        try incoming.scan(at: .seconds(seconds)).drops.map { drop in
            switch drop.content {
            case .job(let spec, _): "\(drop.name): job \(spec.name)"
            case .refused(let problems): "\(drop.name): \(problems.all[0].message)"
            }
        }
    }

    func names(_ directory: String) throws -> [String] {
        let listing = try files.list(directory)
        return listing.entries.map(\.name)
    }

    func text(_ path: String) throws -> String {
        String(decoding: try files.read(path, limit: 1 << 24), as: UTF8.self)
    }
}
