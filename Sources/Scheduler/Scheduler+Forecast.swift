import ControlAPI
import Foundation
import JobQueue
import JobSpec

/// When jobs should start and end, from the rates of steps that were measured.
extension Scheduler {
    func statusWithTimes(of job: JobRecord) -> JobStatus {
        statusWithTimes(of: job, wait: state.wait(for: job.id, at: machine.now()))
    }

    /// The job as `status` gives it, with the times that are expected of it.
    func statusWithTimes(of job: JobRecord, wait: Wait?) -> JobStatus {
        var status = job.status(wait: wait, progress: progress[job.id], directory: directory(of: job))
        guard !status.state.isFinal, let times = expectedTimes()[job.id] else { return status }
        if job.run == nil { status.expectedStart = times.start }
        status.expectedEnd = times.end
        return status
    }

    func expectedTimes() -> [Int: Forecast.Times] {
        if let forecast { return forecast.times }
        let fresh = Forecast(state, at: machine.now()) { secondsLeft(of: $0) }
        forecast = fresh
        return fresh.times
    }

    private func secondsLeft(of job: JobRecord) -> Double? {
        let known = progress[job.id] ?? job.progress
        if job.run != nil, let eta = known?.etaSeconds { return eta }
        if let known, let rate = known.stepsPerSecond, rate > 0 {
            return (Double(known.totalSteps) - Double(known.step)) / rate
        }
        guard let workload = job.workload, let secondsPerStep = rates[workload.key] else { return nil }
        return secondsPerStep * Double(workload.steps) * (1 - (known?.fraction ?? 0))
    }

    /// Learns from an attempt how long the steps of its workload take.
    ///
    /// A worker may count steps otherwise than the workload does, such as those of a sampler that looks twice: the ratio of the two counts
    /// is part of the rate.
    func noteRate(of job: JobRecord, _ progress: JobProgress) {
        guard let workload = job.workload, workload.steps > 0, let rate = progress.stepsPerSecond, rate > 0 else {
            return
        }
        rates[workload.key] = Double(progress.totalSteps) / Double(workload.steps) / rate
    }

    /// Keeps what was learnt for the next daemon.
    func saveRate(of job: JobRecord) {
        guard let key = job.workload?.key, let rate = rates[key] else { return }
        attempt("keep the rate of job \(job.id)") { try store.setRate(of: key, to: rate) }
    }
}
