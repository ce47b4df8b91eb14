public import TensorCore

/// The networks of a job that take turns in memory, such as text encoders, denoiser and autoencoder: each is loaded
/// when its phase begins,
/// and released when that of another does. So a job takes as much memory as its largest phase, not as all of them
/// together.
public final class Phases {
    private let device: Device
    private var release: (() -> Void)?

    public init(on device: Device) { self.device = device }

    /// Releases the network that is loaded, and its memory to the operating system.
    public func end() {
        release?()
        release = nil
        device.trim()
    }

    fileprivate func begin(releasing release: @escaping () -> Void) { self.release = release }
}

/// A network of a job, loaded when it is asked for.
public final class Component<Network> {
    private let load: () throws -> Network
    private let phases: Phases?
    private var network: Network?

    /// One that takes turns in memory with the others of `phases`.
    public init(of phases: Phases, _ load: @escaping () throws -> Network) {
        self.phases = phases
        self.load = load
    }

    /// One that stays in memory.
    public init(_ network: Network) {
        self.network = network
        phases = nil
        load = { network }
    }

    /// The network. Where it is not in memory, its phase begins.
    ///
    /// - Throws: what loading it throws.
    public func callAsFunction() throws -> Network {
        if let network { return network }
        phases?.end()
        let loaded = try load()
        network = loaded
        phases?.begin { [weak self] in self?.network = nil }
        return loaded
    }
}
