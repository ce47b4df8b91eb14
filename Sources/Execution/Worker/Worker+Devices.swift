internal import JobSpec
internal import TensorCore

/// The worker's devices. Where memory is exhausted the process ends with a status that the daemon knows: the job's
/// state is on disk, and the daemon holds the job.
extension Worker {
    static func device(threads: Int) -> Device {
        Device(threads: threads, outOfMemory: OutOfMemory.exit(WorkerExit.outOfMemory))
    }

    /// A device that computes nothing, to find out how much memory a computation takes.
    static func rehearsalDevice() -> Device {
        Device.rehearsal(outOfMemory: OutOfMemory.exit(WorkerExit.outOfMemory))
    }
}
