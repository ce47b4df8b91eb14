import ControlAPI
import DurableFiles
import Foundation
import JobQueue
import JobSpec
import Logging
import Problems
import Scheduler
import ServiceLifecycle
import Spool
import Synchronization
import TestSupport
import Testing

/// Clocks that stand until they are moved.
final class TestClock: Sendable {
    private let state = Mutex((date: Date(timeIntervalSince1970: 2_000_000_000), uptime: 1000.0))

    var now: Date { state.withLock(\.date) }

    func uptime() -> Duration { .seconds(state.withLock(\.uptime)) }

    /// Time passes.
    func advance(_ seconds: Double) {
        state.withLock { state in
            state.date += seconds
            state.uptime += seconds
        }
    }

    /// Somebody sets the system's clock.
    func set(ahead seconds: Double) { state.withLock { $0.date += seconds } }
}

extension IntakeTimes {
    /// With clocks that stand, a drop counts when it is seen.
    static var atOnce: IntakeTimes {
        var times = IntakeTimes()
        times.fileQuiet = .zero
        times.directoryQuiet = .zero
        times.namePatience = .zero
        return times
    }
}

/// A spool in a directory of its own, with a shell script in the worker's place.
final class TestSpool: Sendable {
    let root: String
    let clock = TestClock()
    let freeSpace = Mutex(1 << 40)
    let bootID = Mutex("boot 1")

    init() throws {
        root = NSTemporaryDirectory() + "diffd-spool-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root + "/incoming", withIntermediateDirectories: true)
        // The model that the jobs name.
        try FileManager.default.createDirectory(atPath: root + "/models/shirts", withIntermediateDirectories: true)
        try Self.worker.write(toFile: root + "/worker", atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: root + "/worker")
    }

    // Waiting workers end when their go file's directory is gone; a directory that stays in /tmp harms nobody.
    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// Keeps the worker's side of the protocol. What it does is in the job's name:
    /// `ok` (`ok-model` leaves a model), `fail`, `crash`, `wait` (until `go-NAME` is there, checkpoints on SIGTERM), `stubborn` (ignores SIGTERM).
    static let worker = """
        #!/bin/bash
        while [ $# -gt 0 ]; do
            case $1 in --job) job=$2 ;; --spool) spool=$2 ;; --attempt) attempt=$2 ;; esac
            shift 2
        done
        name=${job##*/}; name=${name#*-}
        exec 9>>"$job/.lock"
        flock -n 9 || { echo "attempt $attempt found the lock taken" >>"$spool/double"; exit 70; }
        printf '{"pid":%d,"attempt":%d}' $$ "$attempt" >"$job/.lock"
        result() {
            printf '{"attempt":%d,"outcome":"%s"%s}' "$attempt" "$1" "$2" >"$job/.result.tmp"
            mv "$job/.result.tmp" "$job/.result-$attempt.json"
        }
        wait_for_go() {
            while [ ! -e "$spool/go-$name" ] && [ -d "$spool" ]; do sleep 0.02 9>&-; done
            result succeeded; exit 0
        }
        echo "attempt $attempt of $name, $(env | wc -l) variables"
        printf '{"step":1,"total_steps":4,"fraction":0.25}' >"$job/.progress.json"
        case $name in
            ok-model*) mkdir "$job/model"; printf '{"_class_name":"DDPMPipeline"}' >"$job/model/model_index.json"; result succeeded ;;
            ok*) result succeeded ;;
            fail*) result failed ',"problem":{"code":"invalid","message":"no images"}'; exit 65 ;;
            crash*) kill -SEGV $$ ;;
            wait*) trap 'result checkpointed; exit 85' TERM; touch "$job/ready-$attempt"; wait_for_go ;;
            stubborn*) trap '' TERM; touch "$job/ready-$attempt"; wait_for_go ;;
        esac
        """

    var machine: Machine {
        Machine(
            now: { [clock] in clock.now }, uptime: { [clock] in clock.uptime() },
            // However long: the next turn comes soon.
            sleep: { _ in try? await Task.sleep(for: .milliseconds(10)) },
            freeSpace: { [self] _ in freeSpace.withLock { $0 } }, bootID: { [self] in bootID.withLock { $0 } },
            environment: ["PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": "/none", "SECRET": "1"])
    }

    /// Puts a job file into `incoming/`.
    func drop(_ name: String, _ keys: String = "") throws {
        let text = #"{"kind": "sample", "model": "shirts"\#(keys.isEmpty ? "" : ", " + keys)}"#
        try text.write(toFile: "\(root)/incoming/.tmp-\(name)", atomically: false, encoding: .utf8)
        try FileManager.default.moveItem(
            atPath: "\(root)/incoming/.tmp-\(name)", toPath: "\(root)/incoming/\(name).json")
    }

    /// Puts a training into `incoming/`.
    func dropTraining(_ name: String) throws {
        let text = #"""
            {"kind": "train", "model": {"architecture": "mlp"}, "dataset": {"format": "synthetic", "name": "spiral"},
             "training": {"steps": 10}}
            """#
        try text.write(toFile: "\(root)/incoming/\(name).json", atomically: true, encoding: .utf8)
    }

    /// Lets the waiting worker of job `name` succeed.
    func go(_ name: String) throws {
        try "".write(toFile: "\(root)/go-\(name)", atomically: false, encoding: .utf8)
    }

    func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: "\(root)/\(path)") }

    func names(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(directory)").filter { !$0.hasPrefix(".") }
            .sorted()
    }
}

/// A running scheduler.
final class TestDaemon {
    let spool: TestSpool
    let scheduler: Scheduler
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    init(
        _ spool: TestSpool, policy: QueuePolicy = QueuePolicy(checkpointWait: 60), minFreeDisk: Int = 1 << 20,
        controlGroup: String? = nil, files: any FileSystem = PosixFileSystem(), intake: IntakeTimes = .atOnce
    ) throws {
        self.spool = spool
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .trace
        let settings = SchedulerSettings(
            spool: spool.root, worker: spool.root + "/worker", minFreeDisk: minFreeDisk, policy: policy,
            intake: intake)
        var machine = spool.machine
        machine.controlGroup = controlGroup
        let scheduler = try Scheduler(settings: settings, machine: machine, logger: logger, files: files)
        self.scheduler = scheduler
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: scheduler, successTerminationBehavior: .gracefullyShutdownGroup)
                ], logger: logger))
        self.group = group
        task = Task { try await group.run() }
    }

    /// As kill -9 of the daemon: its workers go on.
    func die() async {
        task.cancel()
        // How the run ended does not matter to a dead daemon.
        _ = await task.result
    }

    /// As SIGTERM: returns when the daemon has ended by itself.
    func stop() async throws {
        await group.triggerGracefulShutdown()
        try await task.value
    }

    /// Waits until `condition` holds of the job; what it was at last is in the issue when it never does.
    @discardableResult
    func wait(
        for name: String, _ comment: String, sourceLocation: SourceLocation = #_sourceLocation,
        until condition: (JobStatus) -> Bool
    ) async throws -> JobStatus {
        var last: JobStatus?
        do {
            return try await eventually("\(name): \(comment)") {
                last = try await scheduler.list(JobFilter(name: name)).last
                return last.flatMap { condition($0) ? $0 : nil }
            }
        } catch {
            Issue.record("\(error); it was \(String(describing: last))", sourceLocation: sourceLocation)
            throw error
        }
    }

    @discardableResult
    func wait(
        for name: String, _ state: JobState, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JobStatus {
        try await wait(for: name, state.rawValue, sourceLocation: sourceLocation) { $0.state == state }
    }

    /// Waits until the worker of this attempt has its signal handlers in place.
    func waitUntilReady(_ name: String, attempt: Int = 1, sourceLocation: SourceLocation = #_sourceLocation)
        async throws
    {
        try await wait(for: name, "ready in attempt \(attempt)", sourceLocation: sourceLocation) {
            FileManager.default.fileExists(atPath: "\($0.directory)/ready-\(attempt)")
        }
    }

    static let user = Caller(uid: 1000, gid: 1000, pid: 1, user: "eve", groups: [])
}
