import Problems

/// What each setting is for, for the manual.
extension DaemonSetting {
    /// A sentence or two.
    public var summary: String {
        switch self {
        case .spool: "Directory of the spool: jobs are dropped into its incoming, and results appear in its jobs."
        case .socket: "Path of the control socket. A socket that systemd passes in counts more."
        case .stateDirectory: "Directory of the queue's store."
        case .worker: "Path of the worker program."
        case .logLevel: "How much is told: error, warning, notice, info, debug or trace."
        case .maxWorkers: "Workers at one time."
        case .threads: "Threads of all workers together. A job that asks for none gets the share of one worker."
        case .memory: "Memory of all workers together, of which each job takes what its resources ask for."
        case .allowedPaths: "Directories outside the spool from which jobs may read."
        case .operators:
            "Group whose members may change every job, and drain, resume and reload. Where it is another than diffd, members of that change their own jobs only."
        case .minFreeDisk:
            "With less free space where the spool lies, no job is accepted or started; running ones may still write their states."
        case .directoryQuiet:
            "A directory that is copied into incoming is taken in when nothing in it has changed for so long; longer where its files arrive further apart."
        case .directoryLimit: "What is still not complete in incoming so long after it has come is refused."
        case .killWait: "From SIGTERM to SIGKILL for a job that is cancelled."
        case .checkpointWait:
            "The same for one that shall write its state and go on later: when the daemon stops, at a time limit, when it is held, requeued or gives way."
        case .crashLimit: "A job whose workers died so often is held."
        case .retryBackoff:
            "Pause before the second attempt of a job that failed for a passing reason; doubled with each further one, up to ten minutes."
        case .starvationLimit:
            "A job that does not fit is passed by smaller ones until it has waited so long; then nothing passes it."
        case .preempt: "Whether a job makes running ones of lower priority write their state and give way."
        }
    }

    /// The default, in words.
    public var standard: String {
        let defaults = DaemonConfiguration()
        switch self {
        case .spool: return defaults.spool
        case .socket: return defaults.socket
        case .stateDirectory: return ".diffd in the spool"
        case .worker: return "diffd-worker beside diffd, or in ../libexec/diffd"
        case .logLevel: return defaults.logLevel.rawValue
        case .maxWorkers: return String(defaults.maxWorkers)
        case .threads: return "the number of processors"
        case .memory: return "no account is taken of memory"
        case .allowedPaths: return "none"
        case .operators: return defaults.operators
        case .minFreeDisk: return "\(defaults.minFreeDisk >> 20)MiB"
        case .directoryQuiet: return String(Int(saturating: defaults.directoryQuiet))
        case .directoryLimit: return String(Int(saturating: defaults.directoryLimit))
        case .killWait: return String(Int(saturating: defaults.killWait))
        case .checkpointWait: return String(Int(saturating: defaults.checkpointWait))
        case .crashLimit: return String(defaults.crashLimit)
        case .retryBackoff: return String(Int(saturating: defaults.retryBackoff))
        case .starvationLimit: return String(Int(saturating: defaults.starvationLimit))
        case .preempt: return String(defaults.preempt)
        }
    }
}
