import Foundation
import Problems
import Service
import Testing

@Suite struct DaemonConfigurationTests {
    /// A configuration file that goes away with it.
    final class File {
        let path = NSTemporaryDirectory() + "diffd-\(UUID().uuidString).yaml"

        init(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }

        // A file that stays in /tmp harms nobody.
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func read(
        _ text: String, flags: [DaemonSetting: String] = [:], environment: [String: String] = [:]
    ) throws -> DaemonConfiguration {
        let file = try File(text)
        return try DaemonConfiguration(flags: flags, environment: environment, file: file.path, directory: "/work")
    }

    @Test func flagOverEnvironmentOverFileOverDefault() throws {
        let text = "max_workers: 2\nkill_wait: 2.5\nthreads: 3 # of four\n"
        #expect(try read("").maxWorkers == 1)
        #expect(try read(text).maxWorkers == 2)
        let environment = ["DIFFD_MAX_WORKERS": "3", "DIFFD_SPOOL": "spool", "HOME": "/root"]
        #expect(try read(text, environment: environment).maxWorkers == 3)
        let all = try read(text, flags: [.maxWorkers: "4"], environment: environment)
        #expect(all.maxWorkers == 4)
        #expect(all.killWait == 2.5)
        #expect(all.threads == 3)
        #expect(all.spool == "/work/spool")
        #expect(all.socket == DaemonConfiguration().socket)
    }

    @Test func everySettingIsRead() throws {
        let text = """
            # all of them
            ---
            spool: /s
            socket: /run/s
            state_directory: state
            worker: bin/w
            log_level: debug
            max_workers: 2
            threads: 8
            memory: 1.5 GiB
            allowed_paths:
              - /data
            - more
            operators: staff
            min_free_disk: 2GiB
            directory_quiet: 6
            directory_limit: 7
            kill_wait: 1
            checkpoint_wait: 2
            crash_limit: 5
            retry_backoff: 3
            starvation_limit: 4
            preempt: true
            """
        var expected = DaemonConfiguration()
        (expected.spool, expected.socket, expected.stateDirectory) = ("/s", "/run/s", "/work/state")
        (expected.worker, expected.logLevel, expected.maxWorkers, expected.threads) = ("/work/bin/w", .debug, 2, 8)
        (expected.memory, expected.minFreeDisk) = (3 << 29, 2 << 30)
        (expected.allowedPaths, expected.operators) = (["/data", "/work/more"], "staff")
        (expected.directoryQuiet, expected.directoryLimit) = (6, 7)
        (expected.killWait, expected.checkpointWait, expected.crashLimit) = (1, 2, 5)
        (expected.retryBackoff, expected.starvationLimit, expected.preempt) = (3, 4, true)
        #expect(try read(text.replacing("\n- more", with: "\n  - more")) == expected)
    }

    @Test func allProblemsAreToldWithFileKeyAndLine() throws {
        let file = try File("\n\nmax_workers: many\nmemory: 3 apples\npreempt: maybe\n")
        let problems = #expect(throws: Problems.self) {
            try DaemonConfiguration(environment: ["DIFFD_THREADS": "0"], file: file.path, directory: "/")
        }
        let all = problems?.all ?? []
        #expect(all.map(\.path) == ["max_workers", nil, "memory", "preempt"])
        #expect(all.map(\.line) == [3, nil, 4, 5])
        #expect(all.map(\.file) == [file.path, nil, file.path, file.path])
        #expect(all[1].message.contains("DIFFD_THREADS"))
    }

    @Test(arguments: [
        ("max-workers: 2", "Did you mean 'max_workers'"), ("colour: red", "The settings are"),
        ("threads: 1\nthreads: 2", "Remove one"), ("just words", "key: value"),
    ])
    func whatIsNotASettingIsRefused(text: String, remedy: String) {
        let problems = #expect(throws: Problems.self) { try read(text) }
        #expect(problems?.all.first?.remedy?.contains(remedy) == true)
    }

    @Test func whatIsNotYAMLIsRefused() {
        #expect(throws: Problems.self) { try read("spool: [unclosed") }
        #expect(throws: Problems.self) { try read("spool: [/a, /b]") }
    }

    @Test func aNamedFileMustBeThere() throws {
        let problems = #expect(throws: Problems.self) {
            try DaemonConfiguration(environment: ["DIFFD_CONFIG": "/none/diffd.yaml"], directory: "/")
        }
        #expect(problems?.all.first?.file == "/none/diffd.yaml")
    }

    @Test func theShippedFileSaysWhatTheDefaultsAre() throws {
        let shipped = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../etc/diffd.yaml")
        let text = try String(contentsOf: shipped, encoding: .utf8)
        // Each setting stands there, commented out with its default where it has one.
        for setting in DaemonSetting.allCases { #expect(text.contains("\n#\(setting.rawValue): ")) }
        let active = text.replacing("\n#", with: "\n").split(separator: "\n")
            .filter { line in DaemonSetting.allCases.contains { line.hasPrefix("\($0.rawValue): ") } }
        let optional = ["state_directory", "worker", "threads", "memory"]
        let settings = active.filter { line in !optional.contains { line.hasPrefix("\($0):") } }
        #expect(try read(settings.joined(separator: "\n")) == DaemonConfiguration())
        #expect(try read(active.joined(separator: "\n")).threads != nil)
    }
}
