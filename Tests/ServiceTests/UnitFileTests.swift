import Foundation
import Testing

/// The units as `systemd-analyze` judges them, where it is installed.
@Suite struct UnitFileTests {
    static let analyze = "/usr/bin/systemd-analyze"
    static let unit = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../../systemd/diffd.service")

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: analyze)))
    func exposureIsAtMostOne() throws {
        let process = Process()
        process.executableURL = URL(filePath: Self.analyze)
        process.arguments = ["security", "--offline=yes", "--threshold=10", "--no-pager", Self.unit.standardized.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text.suffix(200))")
    }

    @Test func theContractWithSystemdIsKept() throws {
        let lines = try String(contentsOf: Self.unit, encoding: .utf8).split(separator: "\n")
        for line in [
            "Type=notify", "KillMode=mixed", "ExecReload=/usr/bin/diffctl reload", "RestartPreventExitStatus=78",
            "User=diffd",
            "UMask=0027", "CapabilityBoundingSet=", "ProtectSystem=strict", "PrivateNetwork=yes",
            "SystemCallFilter=@system-service",
        ] {
            #expect(lines.contains { $0 == line }, "\(line)")
        }
        #expect(lines.contains { $0.hasPrefix("WatchdogSec=") })
    }
}
