import ControlAPI
import Foundation
import JobSpec
import Problems

/// The text exposition format of Prometheus, version 0.0.4.
enum PrometheusText {
    static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    static func render(_ metrics: ServiceMetrics) -> String {
        var text = ""
        func family(_ name: String, _ type: String, _ help: String, _ samples: [(label: String, value: Int)]) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            for sample in samples { text += "\(name)\(sample.label) \(sample.value)\n" }
        }
        func gauge(_ name: String, _ help: String, _ value: Int) { family(name, "gauge", help, [("", value)]) }
        func counter(_ name: String, _ help: String, _ value: Int) { family(name, "counter", help, [("", value)]) }

        family(
            "diffd_jobs", "gauge", "Jobs in each state.",
            JobState.allCases.map { ("{state=\"\($0.rawValue)\"}", metrics.jobs[$0] ?? 0) })
        family(
            "diffd_jobs_waiting", "gauge", "Waiting jobs by the reason why they wait.",
            WaitReason.allCases.map { ("{reason=\"\($0.rawValue)\"}", metrics.waiting[$0] ?? 0) })
        counter("diffd_jobs_accepted_total", "Jobs accepted since the daemon started.", metrics.jobsAccepted)
        counter("diffd_jobs_rejected_total", "Job files rejected since the daemon started.", metrics.jobsRejected)
        counter("diffd_attempts_started_total", "Workers started since the daemon started.", metrics.attemptsStarted)
        counter("diffd_worker_crashes_total", "Workers that died without a result.", metrics.workerCrashes)
        gauge("diffd_threads_used", "Threads promised to running workers.", metrics.threadsUsed)
        gauge("diffd_threads_total", "Threads that workers may use in all.", metrics.threadsTotal)
        gauge("diffd_memory_used_bytes", "Memory promised to running workers.", metrics.memoryUsedBytes)
        gauge("diffd_memory_total_bytes", "Memory that workers may use in all.", metrics.memoryTotalBytes)
        gauge("diffd_disk_free_bytes", "Free space where the spool lies.", metrics.diskFreeBytes)
        gauge(
            "diffd_start_time_seconds", "When the daemon started, in seconds since 1970.",
            Int(saturating: metrics.startedAt.timeIntervalSince1970))
        return text
    }
}
