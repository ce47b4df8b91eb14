import DurableFiles
import Foundation
import JobQueue
import JobSpec
import Problems
import Scheduler
import Testing

@Suite("Control groups") struct ControlGroupsTests {
    private func groups(_ tree: ControlGroupTree) throws -> ControlGroups {
        try ControlGroups(tree.root, process: 77, in: tree)
    }

    @Test("the daemon leaves the delegated group to those below, which then have limits")
    func beginning() throws {
        let tree = try ControlGroupTree(controllers: "cpuset cpu io memory pids", processes: ["77"])
        _ = try groups(tree)
        #expect(try tree.text("cgroup.procs").isEmpty)
        #expect(try tree.text("daemon/cgroup.procs") == "77")
        #expect(try tree.text("cgroup.subtree_control") == "cpu memory")
        #expect(try tree.text("daemon/cpu.weight") == "10000\n")
        // The next daemon finds it so.
        _ = try ControlGroups(tree.root, process: 78, in: tree)
        #expect(try tree.text("daemon/cgroup.procs") == "77\n78")
    }

    @Test("an attempt may take the memory that its job asked for, and processors by its threads")
    func limits() throws {
        let tree = try ControlGroupTree(controllers: "cpu memory", processes: ["77"])
        let groups = try groups(tree)
        let group = try groups.make(job: 42, attempt: 1, .init(memory: 3 << 30, threads: 6))
        #expect(group == tree.root + "/job-42.1")
        #expect(try tree.text("job-42.1/memory.max") == "3221225472\n")
        #expect(try tree.text("job-42.1/memory.oom.group") == "1\n")
        #expect(try tree.text("job-42.1/cpu.weight") == "6\n")
        _ = try groups.make(job: 43, attempt: 2, .init(memory: nil, threads: 1 << 20))
        #expect(try tree.text("job-43.2/memory.max") == "max\n")
        #expect(try tree.text("job-43.2/cpu.weight") == "10000\n")
    }

    @Test("where only one of the controllers is handed on, the other's limits are left out")
    func fewControllers() throws {
        let tree = try ControlGroupTree(controllers: "cpu pids", processes: ["77"])
        let groups = try groups(tree)
        _ = try groups.make(job: 1, attempt: 1, .init(memory: 1 << 30, threads: 2))
        #expect(try tree.text("job-1.1/cpu.weight") == "2\n")
        #expect(try groups.memory(job: 1, attempt: 1) == nil)
        let without = try ControlGroupTree(controllers: "pids", processes: ["77"])
        #expect(throws: Problem.self) { try ControlGroups(without.root, process: 77, in: without) }
        // Somebody else is in the group, who would not leave it.
        let crowded = try ControlGroupTree(controllers: "memory", processes: ["77", "1234"])
        #expect(throws: Problem.self) { try ControlGroups(crowded.root, process: 77, in: crowded) }
    }

    @Test("the kernel tells how much memory an attempt took, and whether it ended it for that")
    func memory() throws {
        let tree = try ControlGroupTree(controllers: "memory", processes: ["77"])
        let groups = try groups(tree)
        _ = try groups.make(job: 5, attempt: 1, .init(memory: 1 << 20, threads: 1))
        try tree.put("1048576\n", "job-5.1/memory.peak")
        var report = try #require(try groups.memory(job: 5, attempt: 1))
        #expect(report.peak == 1 << 20 && !report.wasExceeded && report.limit == nil)
        try tree.put("low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 1\n", "job-5.1/memory.events")
        report = try #require(try groups.memory(job: 5, attempt: 1))
        #expect(report.wasExceeded && report.limit == 1 << 20)
        // The machine's memory was at its end, not the job's.
        try tree.put("low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\noom_group_kill 0\n", "job-5.1/memory.events")
        report = try #require(try groups.memory(job: 5, attempt: 1))
        #expect(report.wasExceeded && report.limit == nil)
        #expect(try groups.memory(job: 5, attempt: 2) == nil)
    }

    @Test("groups of attempts that are over are removed, and what is left in them is ended")
    func removal() throws {
        let tree = try ControlGroupTree(controllers: "memory", processes: ["77"])
        let groups = try groups(tree)
        for job in 1...3 { _ = try groups.make(job: job, attempt: 1, .init(memory: nil, threads: 1)) }
        try tree.put("900", "job-2.1/cgroup.procs")
        try tree.put("901", "job-3.1/cgroup.procs")
        try groups.removeAll(except: [(job: 3, attempt: 1)])
        #expect(try tree.groups == ["daemon", "job-2.1", "job-3.1"])
        #expect(try tree.text("job-2.1/cgroup.procs").isEmpty)
        try groups.removeAll(except: [(job: 3, attempt: 1)])
        #expect(try tree.groups == ["daemon", "job-3.1"])
        #expect(try tree.text("job-3.1/cgroup.procs") == "901")
    }

    @Test("a job that wants more memory than it asked for is held with what it took")
    func outOfMemory() async throws {
        let spool = try TestSpool()
        let tree = try ControlGroupTree(controllers: "cpu memory", processes: ["\(getpid())"])
        // Of an attempt that an earlier daemon looked after.
        try tree.createDirectory(tree.root + "/job-9.1", mode: 0o755)
        let daemon = try TestDaemon(spool, controlGroup: tree.root, files: tree)
        try spool.drop("wait", #""resources": {"memory": "1GiB", "threads": 1}"#)
        try await daemon.waitUntilReady("wait")
        #expect(try tree.groups == ["daemon", "job-1.1"])
        #expect(try tree.text("job-1.1/memory.max") == "1073741824\n")
        try tree.put("1073741824\n", "job-1.1/memory.peak")
        try tree.put("oom 1\noom_kill 1\n", "job-1.1/memory.events")
        let holder = try FileLock.holder(spool.root + "/jobs/000001-wait/" + WorkerFiles.lock)
        guard case .somebody(let identity) = holder else { throw Problem(.missing, "nobody runs the job") }
        let worker = try JSONDecoder().decode(WorkerIdentity.self, from: Data(identity))
        #expect(kill(worker.pid, SIGKILL) == 0)
        let job = try await daemon.wait(for: "wait", .held)
        #expect(job.detail == "out of memory (peak 1.0 GiB)")
        #expect(job.error?.message == "the job needed more than the 1024 MiB of memory that it asked for")
        #expect(job.attempt == 1)
        #expect(try tree.groups == ["daemon"])
        try await daemon.stop()
    }
}
