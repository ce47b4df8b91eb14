public import Problems

/// Who stands at the other end of the socket, as the kernel tells it (SO_PEERCRED).
public struct Caller: Sendable, Hashable {
    public var uid: UInt32
    public var gid: UInt32
    public var pid: Int32
    /// The name in the user database; nil when the uid has none.
    public var user: String?
    /// All groups of the user, `gid` among them.
    public var groups: Set<UInt32>

    public init(uid: UInt32, gid: UInt32, pid: Int32, user: String?, groups: Set<UInt32>) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.user = user
        self.groups = groups.union([gid])
    }

    /// The name as it stands in a job's `owner`: the user's, or the uid in digits.
    public var ownerName: String { user ?? String(uid) }
}

/// Who may do what. This is the only place that decides it.
///
/// | role | read | submit | change own jobs | change any job | drain, resume, reload |
/// | --- | --- | --- | --- | --- | --- |
/// | root, the daemon's own user | yes | yes | yes | yes | yes |
/// | group of operators | yes | yes | yes | yes | yes |
/// | group `diffd`, where operators are another one | yes | yes | yes | no | no |
/// | other | yes | no | yes | no | no |
public struct Permissions: Sendable, Hashable {
    public enum Role: Sendable, Hashable, CaseIterable {
        /// Root, or the user whom the daemon runs as.
        case administrator
        /// Of the group that may change all jobs.
        case `operator`
        /// Of the daemon's group.
        case member
        case other
    }

    public enum Action: Sendable, Hashable {
        case read
        case submit
        /// To the job whose owner is given; nil where it is not known.
        case change(owner: String?)
        case administer
    }

    /// The uid that the daemon runs as.
    public var daemonUser: UInt32
    /// The gid of the group `diffd`; nil on a machine that has none.
    public var group: UInt32?
    /// The gid of the group whose members may change all jobs.
    public var operators: UInt32?

    /// - Parameter operators: nil: those of `group`, who trust each other.
    public init(daemonUser: UInt32, group: UInt32?, operators: UInt32? = nil) {
        self.daemonUser = daemonUser
        self.group = group
        self.operators = operators ?? group
    }

    public func role(of caller: Caller) -> Role {
        if caller.uid == 0 || caller.uid == daemonUser { return .administrator }
        if let operators, caller.groups.contains(operators) { return .operator }
        if let group, caller.groups.contains(group) { return .member }
        return .other
    }

    public func allows(_ action: Action, by caller: Caller) -> Bool {
        switch (role(of: caller), action) {
        case (.administrator, _), (.operator, _), (_, .read), (.member, .submit): true
        case (.member, .change(let owner)), (.other, .change(let owner)): owner == caller.ownerName
        case (.member, .administer), (.other, .submit), (.other, .administer): false
        }
    }

    /// Throws code `denied`, naming caller and remedy, unless `action` is allowed.
    public func require(_ action: Action, by caller: Caller) throws(Problem) {
        guard !allows(action, by: caller) else { return }
        let what =
            switch action {
            case .read: "read jobs"
            case .submit: "submit jobs"
            case .change(let owner?): "change a job of user '\(owner)'"
            case .change(nil): "change a job that has no owner"
            case .administer: "drain, resume or reload the daemon"
            }
        throw Problem(
            .denied, "user '\(caller.ownerName)' may not \(what)",
            remedy: role(of: caller) == .member
                ? "Ask one of the group that operators in diffd.yaml names."
                : "Ask an administrator to add the user to the group diffd (usermod -aG diffd \(caller.ownerName)).")
    }
}
