import ControlAPI
import ControlTestSupport
import Foundation
import JobSpec
import Problems
import StrictJSON
import Testing
import diffctl

@Suite struct WatchTests {
    private static let now = Date(timeIntervalSince1970: 1_700_000_100)
    private static let running = JobStatus.example(
        12, "waves", .running,
        progress: JobProgress(step: 120, totalSteps: 2000, stepsPerSecond: 3.1, etaSeconds: 606, loss: 0.5))

    @Test func jobsThatRunHaveBarsAndThoseThatWaitTimes() {
        var waiting = JobStatus.example(13, "later", .queued, reason: .resources)
        waiting.expectedEnd = Self.now + 700
        let text = WatchText.table([Self.running, waiting], Style(color: false, width: nil), now: Self.now)
        #expect(
            text == """
                ID  NAME   KIND   STATE        STEP  DONE                           RATE     ETA  LOSS  NOTE
                12  waves  train  running  120/2000    6%  [#-------------------]  3.1/s  10m06s   0.5
                13  later  train  queued                                                  11m40s        Resources

                """)
    }

    /// Jobs with everything that a table can show.
    private static let night: [JobStatus] = {
        var failed = JobStatus.example(
            9, "shirts-first-try", .failed, error: Problem(.corrupt, "the file pictures/17.png is damaged"))
        failed.prompt = "a shirt"
        var waiting = JobStatus.example(13, "samples-of-the-long-run", .queued, reason: .dependency)
        waiting.priority = 5
        waiting.detail = "waits for job 12"
        waiting.prompt = "a red shirt on a white wall, in the light of the morning"
        var wide = JobStatus.example(14, "漢字の名前", .queued, reason: .priority)
        wide.detail = "job 13 is before it"
        let done = JobStatus.example(8, "shirts", .succeeded)
        let running = JobStatus.example(
            12, "the-long-run-of-tuesday", .running,
            progress: JobProgress(
                step: 120_000, totalSteps: 200_000, stepsPerSecond: 3.1, etaSeconds: 25_806, loss: 0.0421))
        return [done, failed, running, waiting, wide]
    }()

    @Test(arguments: [60, 80, 110, 200])
    func everyWidthHasItsTable(width: Int) throws {
        let rejection = Rejection(
            name: "evening.json", rejectedAt: Self.now - 60, receipt: "/spool/rejected/evening.error.json",
            problems: [Problem(.missing, "there is no job named afternoon, after which this one is to run")])
        let screen = WatchText.screen(
            Self.night, Style(color: false, width: width, height: 24), rejected: [rejection], now: Self.now)
        let lines = screen.replacing("\u{1B}[H", with: "").replacing("\u{1B}[K", with: "").replacing(
            "\u{1B}[J", with: "")
        #expect(lines.split(separator: "\n").allSatisfy { String($0).terminalWidth <= width })
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/diffctl/watch-\(width).txt")
        if ProcessInfo.processInfo.environment["DIFFD_RECORD"] == "1" {
            try lines.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == lines)
    }

    @Test func whatRunsComesFirstAndTheHeaderStays() {
        let screen = WatchText.screen(Self.night, Style(color: false, width: 80, height: 4), now: Self.now)
        let lines = screen.split(separator: "\n").map(String.init)
        #expect(lines[0].contains("NAME") && lines[1].contains("long-run") && lines[2].contains("and 4 more"))
    }

    @Test(arguments: [(0, 0), (0.049, 0), (0.05, 1), (0.5, 10), (1, 20), (7, 20), (-1, 0)] as [(Double, Int)])
    func aBarIsAsLongAsTheJobHasCome(fraction: Double, filled: Int) {
        let bar = WatchText.bar(fraction)
        #expect(bar.count == 22 && bar.count { $0 == "#" } == filled)
    }

    @Test func aScreenHasNoMoreLinesThanTheTerminal() {
        let jobs = (1...50).map { JobStatus.example($0, "job", .queued, reason: .priority) }
        let screen = WatchText.screen(jobs, Style(color: false, width: 80, height: 10))
        #expect(screen.count { $0 == "\n" } <= 9)
        #expect(screen.contains("NAME") && screen.contains("1  job") && screen.contains("... and 43 more"))
    }

    @Test func aChangeIsALine() {
        let event = JobEvent(sequence: 1, kind: .progress, time: Self.now, job: Self.running)
        #expect(
            WatchText.line(event)
                == "2023-11-14T22:15:00Z  12 waves  running  step 120/2000  3.1/s  left 10m06s  loss 0.5")
    }

    @Test func anOverrideSetsAMember() throws {
        var job = try JSONNode.parse(Array(#"{"kind": "train", "training": {"steps": 5}}"#.utf8))
        for text in ["training.steps=100", "dataset.path=a/b c", "seed=1e3", "name=\"7x\"", "after=[1]"] {
            try #require(Override(argument: text)).apply(to: &job)
        }
        #expect(job["training"]?["steps"]?.integer == 100 && job["dataset"]?["path"]?.string == "a/b c")
        #expect(job["seed"]?.integer == 1000 && job["name"]?.string == "7x" && job["after"]?.elements?.count == 1)
        #expect(throws: (any Error).self) { try #require(Override(argument: "kind.x=1")).apply(to: &job) }
        for text in ["steps", "=1", "a..b=1", ".a=1"] { #expect(Override(argument: text) == nil) }
    }
}
