import ControlAPI
import ControlTestSupport
import Foundation
import JobSpec
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

    @Test(arguments: [(0, 0), (0.049, 0), (0.05, 1), (0.5, 10), (1, 20), (7, 20), (-1, 0)] as [(Double, Int)])
    func aBarIsAsLongAsTheJobHasCome(fraction: Double, filled: Int) {
        let bar = WatchText.bar(fraction)
        #expect(bar.count == 22 && bar.count { $0 == "#" } == filled)
    }

    @Test func aScreenHasNoMoreLinesThanTheTerminal() {
        let jobs = (1...50).map { JobStatus.example($0, "job", .queued, reason: .priority) }
        let screen = WatchText.screen(jobs, Style(color: false, width: 80, height: 10))
        #expect(screen.count { $0 == "\n" } <= 9)
        #expect(screen.contains("NAME") && screen.contains("50  job") && !screen.contains("\n 1  job"))
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
