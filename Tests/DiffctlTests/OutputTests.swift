import ControlAPI
import ControlTestSupport
import Foundation
import JobSpec
import Problems
import Testing
import diffctl

@Suite struct OutputTests {
    private static let plain = Style(color: false, width: nil)
    private static let utc = TimeZone(identifier: "UTC")!

    private static var jobs: [JobStatus] {
        [
            .example(7, "shirts", .succeeded, progress: JobProgress(step: 10, totalSteps: 10, loss: 0.0421)),
            .example(
                12, "waves", .running,
                progress: JobProgress(step: 120, totalSteps: 2000, stepsPerSecond: 3.1, etaSeconds: 606, loss: 0.5)),
            .example(13, "later", .queued, reason: .dependency),
            .example(14, "broken", .failed, error: Problem(.corrupt, "the file\u{1B}[2J is damaged")),
        ]
    }

    @Test func jobsAreATable() {
        let expected = """
            ID  NAME    KIND   STATE          STEP  DONE   RATE     ETA    LOSS  NOTE
             7  shirts  train  succeeded                                 0.0421  took 1m00s
            12  waves   train  running    120/2000    6%  3.1/s  10m06s     0.5
            13  later   train  queued                                            Dependency
            14  broken  train  failed                                            the file\\u001b[2J is damaged

            """
        #expect(JobTable.render(Self.jobs, Self.plain) == expected)
    }

    @Test func theLastColumnEndsAtTheTerminalsEdge() {
        let lines = JobTable.render(Self.jobs, Style(color: false, width: 85)).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= 85 })
        #expect(lines.last?.hasSuffix("…") == true)
    }

    @Test func colorsDoNotMoveColumns() {
        let painted = JobTable.render(Self.jobs, Style(color: true, width: nil))
        #expect(painted.contains("\u{1B}[31mfailed\u{1B}[0m"))
        #expect(painted.replacing(/\u{1B}\[[0-9]+m/, with: "") == JobTable.render(Self.jobs, Self.plain))
    }

    @Test(
        arguments: [
            ([:], true), (["NO_COLOR": "1"], false), (["NO_COLOR": ""], true), (["TERM": "dumb"], false),
        ] as [([String: String], Bool)])
    func colorIsForThoseWhoWantIt(environment: [String: String], allowed: Bool) {
        #expect(Style.allowsColor(environment) == allowed)
    }

    @Test func aJobIsASheet() {
        var job = Self.jobs[3]
        job.error?.remedy = "Write it again."
        job.error?.path = "$.model"
        let expected = """
            Job        14 broken
            Kind       train
            State      failed
            Owner      alice
            Priority   0
            Attempt    1
            Submitted  2023-11-14 22:13:20Z
            Started    2023-11-14 22:13:25Z
            Finished   2023-11-14 22:14:25Z
            Directory  /var/spool/diffd/jobs/14
            Error      the file\\u001b[2J is damaged
            Place      $.model
            Remedy     Write it again.

            {}
            """
        #expect(JobSheet.render(job, specification: "{}", Self.plain, zone: Self.utc) == expected)
    }

    @Test func waitingIsExplainedInSentences() {
        let answer = WaitExplanation(
            job: 3, state: .queued, reason: .dependency, detail: "waits for job 1 (shirts)", waitsFor: [1], position: 2)
        #expect(
            WaitText.render(answer) == """
                Job 3 is queued (Dependency).
                waits for job 1 (shirts)
                Place in the queue: 2
                """)
        let held = WaitExplanation(
            job: 4, state: .held, reason: .held, detail: "crashed 3 times\n\u{1B}[2Jdied by signal 11")
        #expect(WaitText.render(held) == "Job 4 is held.\ncrashed 3 times\n\\u001b[2Jdied by signal 11")
    }

    @Test(
        arguments: [
            (0.4, "0s"), (59.4, "59s"), (60, "1m00s"), (606, "10m06s"), (3600, "1h00m"), (90_061, "1d01h"), (-1, "?"),
            (.nan, "?"),
        ] as [(Double, String)])
    func durations(seconds: Double, text: String) { #expect(Quantity.duration(seconds: seconds) == text) }

    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1 << 20, "1 MiB"), (3_300_000, "3.15 MiB"), (1 << 42, "4 TiB"),
    ])
    func sizes(bytes: Int, text: String) { #expect(Quantity.bytes(bytes) == text) }

    @Test(
        arguments: [(0.042_13, "0.0421"), (3.1, "3.1"), (1234.5, "1234"), (0, "0"), (100, "100"), (1e-12, "0")]
            as [(Double, String)])
    func numbers(value: Double, text: String) { #expect(Quantity.significant(value) == text) }
}

@Suite struct ExitStatusTests {
    @Test(arguments: [
        (Problem.Code.missing, diffctl.ExitStatus.noSuchJob), (.denied, .notPermitted), (.unavailable, .unreachable),
        (.diskFull, .failed),
        (.invalid, .failed),
    ])
    func ofRequests(code: Problem.Code, status: diffctl.ExitStatus) { #expect(diffctl.ExitStatus(code) == status) }

    @Test(arguments: [
        (Problem.Code.missing, diffctl.ExitStatus.badJobFile), (.invalid, .badJobFile), (.corrupt, .badJobFile),
        (.denied, .notPermitted),
        (.unavailable, .unreachable), (.diskFull, .failed),
    ])
    func ofJobFiles(code: Problem.Code, status: diffctl.ExitStatus) {
        #expect(diffctl.ExitStatus.ofJobFile(code) == status)
    }

    /// product.md's table.
    @Test func numbersAreAContract() {
        #expect(diffctl.ExitStatus.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 65, 69, 77, 78])
    }

    @Test("a log's text is for terminals, wherever its pieces begin", arguments: 1...7)
    func logText(size: Int) {
        let log = Array("größe \u{1B}[2J 日本 🙂\n\u{9B}x\u{FF}".utf8) + [0xF0, 0x9F]
        var text = LogText()
        var shown = ""
        for start in stride(from: 0, to: log.count, by: size) {
            shown += text.add(Array(log[start..<min(start + size, log.count)]))
        }
        shown += text.end()
        #expect(shown == "größe \\u001b[2J 日本 🙂\n\\u009bxÿ\u{FFFD}")
    }
}
