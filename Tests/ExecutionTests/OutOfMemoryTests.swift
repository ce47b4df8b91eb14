import JobSpec
import ProgramTestSupport
import TestSupport
import Testing

@Suite("a worker that gets no more memory") struct OutOfMemoryTests {
    /// A single tensor of this training is larger than the 2 GiB of addresses that the worker may have.
    @Test("ends with the status that the daemon knows")
    func status() async throws {
        let job = try Scene().job(
            1,
            TinyJobs.training(steps: 1).replacing("\"batch_size\": 4", with: "\"batch_size\": 65536")
                .replacing("[8, 8]", with: "[256, 256]"))
        let worker = try ChildProcess(
            "/bin/sh",
            [
                "-c", "ulimit -v 2097152; exec \"$0\" \"$@\"", Program.worker.path, "--job", job.path, "--spool",
                job.spool.path, "--attempt", "1", "--threads", "1",
            ], output: job("log.txt"))
        #expect(try await worker.wait() == .status(WorkerExit.outOfMemory), "\(job.log)")
        #expect(job.log.contains("out of memory: "))
        #expect(try !job.exists(WorkerFiles.result(attempt: 1)))
    }
}
