import DurableFiles
import Foundation
import JobQueue
import JobSpec
import Logging
import Problems
import Spool
import StrictJSON

/// What came with dropped directories, and what came for them too late. A copy that goes on after its directory was
/// taken in loses
/// files: that is told wherever somebody may look.
extension Scheduler {
    /// So long is it seen at once that something still comes for a job; later it is found when an attempt starts.
    private static let watchedFor = Duration.seconds(3600)
    /// So many jobs are watched at most, the newest.
    private static let watchedJobs = 200

    /// A line of `events.jsonl` about inputs.
    private struct InputsLine: Encodable {
        var time: Date
        var event: String
        var inputs: TakenInputs?
        /// What is told beside them.
        var text: String?
    }

    /// Tells what was taken in.
    func noteTaken(_ job: JobRecord, _ inputs: TakenInputs, _ name: String) {
        taken.append((name, job.id, machine.uptime()))
        logger.info(
            "job \(job.id) \(job.name): took in \(inputs.text)",
            metadata: ["job_id": "\(job.id)", "job_name": "\(job.name)"])
        writeLines(job, "inputs", "took in \(inputs.text)", inputs)
    }

    /// Tells that a job asks for more threads than there are: it runs with those, to the same result.
    func noteThreads(_ job: JobRecord) {
        let there = state.policy.threads
        guard let threads = job.threads, threads > there else { return }
        let text =
            "note: resources.threads is \(threads), and diffd has \(there.of("thread")) for all workers: the job runs with \(there == 1 ? "that one" : "those")"
        logger.notice(
            "job \(job.id) \(job.name): \(text)", metadata: ["job_id": "\(job.id)", "job_name": "\(job.name)"])
        writeLines(job, "note", text, nil)
    }

    /// Looks whether something has come for a job since it was taken in.
    func noteLateInputs() {
        guard let watch else { return }
        for (job, names) in watch.takeLate() { noteLate(job, names) }
        let now = machine.uptime()
        let old = taken.count { now - $0.since > Self.watchedFor }
        let surplus = max(old, taken.count - Self.watchedJobs)
        guard surplus > 0 else { return }
        let over = Set(taken.prefix(surplus).map(\.job))
        taken.removeFirst(surplus)
        watch.forget { over.contains($0) }
    }

    /// Notes in queue, status, events and logs that something came for a job that it may be without.
    func noteLate(_ id: Int, _ names: [String]) {
        attempt("note what came late for job \(id)") {
            guard var job = try state.jobs[id] ?? store.job(id) else { return }
            let before = job.inputs ?? TakenInputs()
            var inputs = before
            inputs.note(later: names)
            guard inputs != before else { return }
            job.inputs = inputs
            let fresh = names.filter { !before.later.contains($0) }.prefix(TakenInputs.laterLimit)
            let text =
                "after the directory had been taken in, this still came for it, and may be missing from the job: "
                + fresh.joined(separator: ", ") + (names.count > fresh.count ? ", ..." : "")
            logger.warning(
                "job \(id) \(job.name): \(text)", metadata: ["job_id": "\(id)", "job_name": "\(job.name)"])
            writeLines(job, "late_inputs", "warning: \(text)", inputs)
            try store.save([state.setInputs(of: id, to: inputs) ?? job])
            refreshStatus(job)
        }
    }

    private func writeLines(_ job: JobRecord, _ event: String, _ text: String, _ inputs: TakenInputs?) {
        let now = machine.now()
        attempt("write what job \(job.id) was given") {
            let line = InputsLine(time: now, event: event, inputs: inputs, text: inputs == nil ? text : nil)
            let json = String(decoding: try JSONText.encode(line, .line), as: UTF8.self)
            try DurableLog(directory(of: job) + "/events.jsonl", in: files, mode: 0o660, durability: .deferred)
                .append(json.trimmingCharacters(in: .newlines))
            let stamp = now.printable.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
            try files.openForAppending(directory(of: job) + "/log.txt", mode: 0o640)
                .write(Array("\(stamp) \(text)\n".utf8).span.bytes)
        }
    }

    /// What an attempt finds, compared with what was taken in: found by a walk on a thread of its own.
    func checkInputs(of job: JobRecord) async {
        guard let known = job.inputs else { return }
        let (settings, files, directory) = (settings, files, job.directory)
        do {
            let found = try await disk.run { try Self.directories(settings, files).inputs(of: directory) }
            guard let found, found.files != known.files || found.bytes != known.bytes else { return }
            let folders = Set(found.folders.keys).union(known.folders.keys).sorted()
            let changed = folders.filter { found.folders[$0] != known.folders[$0] }.map {
                "\($0): \(found.folders[$0] ?? 0) files, \(known.folders[$0] ?? 0) when it was taken in"
            }
            noteLate(
                job.id,
                changed.isEmpty ? ["\(found.bytes) bytes, \(known.bytes) when it was taken in"] : changed)
        } catch {
            logger.warning("job \(job.id): its inputs cannot be looked through: \(error)")
        }
    }

    /// The problems of a refused directory, with the job that an earlier one of its name has become: a copy that went
    /// on
    /// makes the directory anew.
    func withEarlierJob(_ drop: Drop, _ problems: Problems) -> Problems {
        guard drop.isDirectory, problems.all.contains(where: { $0.code == .missing }),
            let earlier = taken.last(where: { $0.name == drop.name })
        else { return problems }
        noteLate(earlier.job, ["\(drop.inputs?.text ?? "a directory") in another incoming/\(drop.name)"])
        return Problems(
            problems.all.map { problem in
                var problem = problem
                problem.cause =
                    problem.cause
                    ?? "a directory of this name was taken in before, as job \(earlier.job): this came later and is not part of it"
                return problem
            })
    }
}
