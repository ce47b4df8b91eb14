import CDispatch  // To the compiler, timespec is declared here: no earlier clang module includes its header.
import ControlTestSupport
import DurableFiles
import Foundation
import GRDB
import Glibc
import JobQueue
import JobSpec
import Problems
import Spool
import StrictJSON
import TestSupport

/// What a daemon finds in its spool: left by a broken disk, another version, or a member.
extension Subject {
    static let spool = [stores, rows, statusFiles, entries]

    private static let date = Date(timeIntervalSince1970: 1_700_000_000)

    // MARK: - The store

    /// A store with a job in each state, as a file.
    private static func store() throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        let path = directory("queue.sqlite")
        do {
            let store = try QueueStore(path: path)
            let phases: [Phase] = [
                .queued(after: nil), .running(Run(since: date, threads: 2, memory: 5)), .held(Hold(.user, "by eve")),
                .ended(.succeeded, at: date), .ended(.failed, at: date),
            ]
            for (number, phase) in phases.enumerated() {
                let id = try store.reserve(drop: "drop \(number)").id
                var job = JobRecord(
                    id: id, name: "job\(id)", kind: .sample, owner: "eve", directory: "00000\(id)-job\(id)",
                    waitsFor: [3], timeLimit: 60, threads: 1, memory: 1 << 30, submittedAt: date,
                    workload: Workload(key: "unet", steps: 8), phase: phase)
                job.error = Problem(.crashed, "died", remedy: "look")
                job.progress = JobProgress(step: 3, totalSteps: 8)
                try store.publish(job)
            }
            try store.setRate(of: "unet", to: 0.5)
            try store.set(.bootID, to: "boot")
        }
        return try bytes(path)
    }

    /// All that a daemon asks of its store when it starts, and the first turn of its queue.
    private static func open(_ path: String) throws {
        let store = try QueueStore(path: path)
        _ = try (store.rates(), store.counts(), store.directories(), store.halfAccepted(), store.value(of: .bootID))
        _ = try (store.unannouncedEndings(), store.job(1), store.job(named: "job2"))
        let jobs = try store.jobs(in: Set(JobState.allCases))
        var state = QueueState(try store.activeJobs(), policy: QueuePolicy())
        _ = try state.apply(.tick, at: date)
        for job in jobs {
            let status = job.status(wait: state.wait(for: job.id, at: date), progress: nil, directory: "")
            _ = try JSONText.encode(status)
        }
    }

    private static func put(_ bytes: [UInt8], _ file: String) throws {
        for beside in ["-wal", "-shm", "-journal"] { unlink(file + beside) }
        try write(bytes, to: file)
    }

    static let stores = Subject(name: "stores", share: 0.1) {
        Mutator(seeds: [try store()], words: ["queued", "\u{0}\u{0}\u{0}\u{0}", "CREATE TABLE", "SQLite format 3"])
    } read: { input, file in
        try put(input, file)
        try open(file)
    }

    private static let literals = [
        "NULL", "-1", "0", "9223372036854775807", "-9223372036854775808", "1e300", "-1e300", "9e999", "0.5", "x'00'",
        "x'ff'", "''", "'many'", "'running'", "'succeeded'", "'{'", "'[1]'", "char(27) || '[2J'", "zeroblob(70000)",
    ]

    /// A sound file whose values are of other types, or at their limits: three bytes of the input pick column, value and row.
    static let rows = Subject(name: "rows of stores", share: 0.1) {
        Mutator(seeds: [(0..<12).map { UInt8($0 * 17) }])
    } read: { input, file in
        try put(try goodStore.get(), file)
        try DatabaseQueue(path: file).write { db in
            let columns = try ["jobs", "rates", "settings"].flatMap { table in
                try db.columns(in: table).map { (table, $0.name) }
            }
            for start in stride(from: 0, to: min(input.count, 30) - 2, by: 3) {
                let (table, column) = columns[Int(input[start]) % columns.count]
                let value = literals[Int(input[start + 1]) % literals.count]
                // What a rule of the table forbids stays as it is.
                try? db.execute(
                    sql: "UPDATE \(table) SET \(column) = \(value) WHERE rowid % 4 = \(input[start + 2] % 4)")
            }
        }
        try open(file)
    }

    private static let goodStore = Result { try store() }

    // MARK: - Files of a job's directory

    static let statusFiles = Subject(name: "status files") {
        let progress = JobProgress(step: 3, totalSteps: 8, stepsPerSecond: 0.5, etaSeconds: 10, loss: 0.25)
        var inputs = TakenInputs(files: 31, bytes: 4096, folders: ["pics/cats": 16, ".": 15])
        inputs.later = ["pics/late.png"]
        inputs.laterCount = 1
        var seeds = try [
            JSONText.encode(progress), JSONText.encode(WorkerIdentity(pid: 7, attempt: 1)),
            JSONText.encode(WorkerResult(attempt: 2, outcome: .failed, problem: Problem(.numerical, "NaN"))),
            JSONText.encode(
                Acceptance(id: 4, submittedAt: date, owner: "eve", token: "8:15:1700000000:9", inputs: inputs)),
        ]
        for state in JobState.allCases {
            seeds.append(try JSONText.encode(JobStatus.example(3, "a", state, progress: progress)))
        }
        return Mutator(
            seeds: seeds,
            words: [
                "null", "-1", "1e999", "9223372036854775808", "9223372036854775807", "0.5", "\"\\u0000\"", "[]", "{}",
                "\"2300-01-01T00:00:00Z\"", "\"0000-00-00T99:99:99Z\"", "\"running\"", "\u{1B}[2J",
            ])
    } read: { input, file in
        let readings: [() throws -> Void] = [
            { _ = try JSONText.encode(JSONText.decode(JobStatus.self, from: input, file: file)) },
            { _ = try JSONText.decode(JobStatus.self, from: input, file: file).inputs.map { ($0.text, $0.laterText) } },
            { _ = try JSONText.encode(JSONText.decode(JobProgress.self, from: input, file: file)) },
            { _ = try JSONText.encode(JSONText.decode(WorkerResult.self, from: input, file: file)) },
            { _ = try JSONText.encode(JSONText.decode(WorkerIdentity.self, from: input, file: file)) },
            { _ = try JSONText.encode(JSONText.decode(Acceptance.self, from: input, file: file)) },
            { _ = try JSONText.encode(JSONText.decode(Receipt.self, from: input, file: file)) },
        ]
        // What is one kind of file is none of the others.
        var problems: [Problem] = []
        for read in readings {
            do { try read() } catch let problem as Problem { problems.append(problem) }
        }
        if let bad = problems.first(where: { $0.code == .internal }) { throw bad }
        if problems.count == readings.count { throw problems[0] }
    }

    // MARK: - incoming/

    private static let names: [[UInt8]] =
        [
            "a.json", "b", "-rf", " ", "...", "con~", "\u{1B}[2J.json", "a\nb.json", "\u{202E}nosj.json",
            "e\u{301}.json",
            "é.json", String(repeating: "a", count: 255), String(repeating: "é", count: 125) + ".json",
        ].map { Array($0.utf8) } + [[0xFF, 0xFE] + Array(".json".utf8), [0xC3] + Array(".json".utf8)]

    private static let times: [Int] = [
        0, -1, 1, .max, .min, 1 << 31, -(1 << 31) - 1, 10_413_792_000, 1 << 34, -62_135_596_801, 253_402_300_800,
    ]

    private static let sizes: [off_t] = [0, 1, 1 << 20, 1 << 40, 1 << 62]

    /// Four bytes of the input pick kind, name, time and size of an entry. Each must end as a drop, a refusal or a trouble, each of
    /// which can be told and moved.
    static let entries = Subject(name: "entries of incoming/", share: 0.1) {
        Mutator(seeds: [(0..<24).map { UInt8($0 * 7) }])
    } read: { input, file in
        let layout = SpoolLayout(root: file + ".spool")
        let manager = FileManager.default
        try? manager.removeItem(atPath: layout.root)
        for directory in [layout.incoming, layout.rejected] {
            try manager.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
        for start in stride(from: 0, to: min(input.count, 32) - 3, by: 4) {
            let name = names[Int(input[start + 1]) % names.count]
            makeEntry(
                Array(layout.incoming.utf8) + [UInt8(ascii: "/")] + name, kind: input[start],
                time: times[Int(input[start + 2]) % times.count], size: sizes[Int(input[start + 3]) % sizes.count])
        }
        let files = PosixFileSystem()
        var incoming = Incoming(layout, in: files)
        var troubles: [String: Problem] = [:]
        for seconds in [0, 1, 12, 24, 60, 200, 90_000] {
            let scan = try incoming.scan(at: .seconds(seconds))
            troubles = scan.troubles
            for drop in scan.drops {
                if case .refused(let problems) = drop.content {
                    guard !problems.all.isEmpty else { throw Problem(.internal, "nothing says why") }
                    try layout.reject(drop.name, problems, token: drop.token, inputs: drop.inputs, at: date, in: files)
                } else {
                    try? manager.removeItem(atPath: "\(layout.incoming)/\(drop.name)")
                }
            }
            for name in scan.unreadable { try layout.reject(name, at: date, in: files) }
        }
        let left = try files.list(layout.incoming)
        guard left.unreadable.isEmpty,
            left.entries.allSatisfy({ $0.name.hasPrefix(".") || $0.name.hasSuffix("~") || troubles[$0.name] != nil })
        else { throw Problem(.internal, "neither taken nor refused: \(left.entries.map(\.name))") }
    }

    private static func makeEntry(_ name: [UInt8], kind: UInt8, time: Int, size: off_t) {
        let path = name.map { CChar(bitPattern: $0) } + [0]
        let job = Array(#"{"kind": "sample", "model": "a"}"#.utf8)
        func file(_ path: [CChar], _ bytes: [UInt8], _ mode: mode_t) {
            let file = Glibc.open(path, O_CREAT | O_WRONLY | O_EXCL, mode)
            guard file >= 0 else { return }
            _ = Glibc.write(file, bytes, bytes.count)
            if size > 1 { ftruncate(file, size) }
            close(file)
        }
        switch kind % 10 {
        case 0: file(path, job, 0o660)
        case 1: file(path, [], 0o660)
        case 2: file(path, job, 0)
        case 3: mkdir(path, 0o770)
        case 4:
            mkdir(path, 0o770)
            file(Array(path.dropLast()) + "/job.json".utf8CString, job, 0o660)
        case 5: mkfifo(path, 0o660)
        case 6: mknod(path, S_IFSOCK | 0o660, 0)
        case 7: symlink("/etc/passwd", path)
        case 8: symlink(path, path)
        default:
            // Deeper than any drop may be.
            var inner = path
            for _ in 0..<40 {
                mkdir(inner, 0o770)
                inner = Array(inner.dropLast()) + "/d".utf8CString
            }
        }
        var moments = [timespec(tv_sec: time, tv_nsec: 0), timespec(tv_sec: time, tv_nsec: 999_999_999)]
        utimensat(AT_FDCWD, path, &moments, AT_SYMLINK_NOFOLLOW)
    }
}
