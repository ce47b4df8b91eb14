import JobSpec
import TensorCore
import Testing

/// The two columns cannot import each other, so each has the number; they must agree.
@Test func theWorkerDiesOfMemoryWithTheStatusThatTheDaemonKnows() {
    #expect(OutOfMemory.exitStatus == WorkerExit.outOfMemory)
}
