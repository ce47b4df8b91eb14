internal import DurableFiles
internal import Foundation
internal import JobSpec
internal import Problems
internal import StrictJSON
internal import TensorCore

/// One attempt of a job, from its directory to its result: what `diffd-worker` does for the daemon.
public enum Worker {
    /// Runs the attempt and returns the exit status (`WorkerExit`); what a person should know goes to standard output, which
    /// the daemon has joined to the job's log.
    ///
    /// - Parameter arguments: without the program's name.
    public static func main(_ arguments: [String]) -> Int32 {
        do {
            if arguments.count == 2, arguments[0] == ModelImport.option { return try importModel(arguments[1]) }
            if arguments.count == 2, arguments[0] == JobExamination.option { return try examine(arguments[1]) }
            let arguments = try WorkerArguments(arguments)
            do {
                try arguments.enterControlGroup()
            } catch {
                JobContext.log("note: nothing holds this attempt to the memory it asked for: \(error)")
            }
            // The only time that it is read; what is wrong with it is reported with the result.
            let job = Result { try arguments.jobSpec(in: PosixFileSystem()) }
            // Before there are other threads, which it would not bind.
            let isConfined = try arguments.confineReading(
                for: try? job.get(), environment: ProcessInfo.processInfo.environment)
            // From here on a request to stop is heard.
            let stop = StopRequest()
            if !isConfined {
                JobContext.log(
                    "note: the kernel has no Landlock; paths are checked, but links within models are followed")
            }
            let identity = WorkerIdentity(pid: ProcessInfo.processInfo.processIdentifier, attempt: arguments.attempt)
            // Held until the process ends, however it ends.
            let lock = try FileLock.acquire(
                Path.join(arguments.job, WorkerFiles.lock), identity: JSONText.encode(identity))
            guard let lock else {
                throw Problem(
                    .unavailable, "another worker runs this job", remedy: "Wait until it has ended.",
                    file: arguments.job)
            }
            defer { withExtendedLifetime(lock) {} }
            return try run(arguments, job, stop)
        } catch {
            JobContext.log("error: \(error)")
            return problems(error).contains { $0.code == .diskFull } ? WorkerExit.diskFull : WorkerExit.failed
        }
    }

    private static func run(
        _ arguments: WorkerArguments, _ job: Result<JobSpec, any Error>, _ stop: StopRequest
    ) throws -> Int32 {
        var result = WorkerResult(attempt: arguments.attempt, outcome: .succeeded)
        var leftovers: [String] = []
        do {
            switch try execute(job, JobContext(arguments, stop: stop)) {
            case .succeeded(let found):
                leftovers = found
            case .examined: break
            case .checkpointed:
                result.outcome = .checkpointed
                JobContext.log("stopped on request; the state is saved")
            }
        } catch is Stopped {
            result.outcome = .checkpointed
            JobContext.log("stopped on request, before the first step or after the last")
        } catch {
            let problems = Self.problems(error)
            for problem in Problems(problems).bounded.all { JobContext.log("error: \(problem)") }
            result.outcome = .failed
            result.problem = Self.first(of: problems)
        }
        result.peakMemory = peakMemory
        let files = PosixFileSystem()
        try files.writeDurably(
            JSONText.encode(result), to: Path.join(arguments.job, WorkerFiles.result(attempt: arguments.attempt)),
            mode: 0o660)
        // Not before: an attempt that dies without a result is followed by one that needs them.
        for path in leftovers { try files.removeDurably(path) }
        return switch result.outcome {
        case .succeeded: WorkerExit.succeeded
        case .checkpointed: WorkerExit.checkpointed
        case .failed: result.problem.map(\.isBadInput) == true ? WorkerExit.badInput : WorkerExit.failed
        }
    }

    static func execute(_ job: Result<JobSpec, any Error>, _ context: JobContext) throws -> Ending {
        let arguments = context.arguments
        context.log(
            "attempt \(arguments.attempt) with \(arguments.threads) threads, \(Kernels.description(context.device))")
        return switch try job.get() {
        case .train(let job): try TrainExecution(DenoiserTraining(job, context), context).run()
        case .fineTune(let job): try TrainExecution(FineTuning(job, context), context).run()
        case .trainAutoencoder(let job): try TrainExecution(AutoencoderTraining(job, context), context).run()
        case .sample(let job): try SampleExecution(job, context).run()
        case .img2img(let job): try SampleExecution(job, context).run()
        case .videoExtend(let job): try VideoExtendExecution(job, context).run()
        case .evaluate(let job): try EvaluateExecution(job, context).run()
        }
    }

    /// Every error as problems, at least one.
    static func problems(_ error: any Error) -> [Problem] {
        switch error {
        case let problem as Problem: [problem]
        case let problems as Problems where !problems.all.isEmpty: problems.all
        default: [Problem(.internal, "the job failed in an unforeseen way", cause: "\(error)")]
        }
    }

    /// The first problem, which says how many more there are.
    private static func first(of problems: [Problem]) -> Problem {
        var first = problems[0]
        if problems.count > 1 {
            let more = problems.count - 1
            let rest = "\(more) more such \(more == 1 ? "problem" : "problems"): see log.txt"
            first.cause = first.cause.map { "\($0); \(rest)" } ?? rest
        }
        return first
    }

    /// The largest resident set of this process, in bytes. Not of getrusage(2), which counts that of the daemon too, from before the
    /// program was started.
    static var peakMemory: Int {
        // "VmHWM:    1234 kB" (proc(5)); a figure for the manifest only.
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
    }
}

extension Problem {
    /// Whether the same input would fail again.
    var isBadInput: Bool {
        switch code {
        case .invalid, .missing, .denied, .corrupt, .unsupported: true
        case .outOfMemory, .diskFull, .numerical, .interrupted, .unavailable, .crashed, .io, .internal: false
        }
    }
}
