internal import DurableFiles
internal import Models
internal import Problems

/// The space that an attempt will take, looked at before work is done in vain.
extension JobContext {
    /// - Parameter size: bytes that are written before anything old can be removed.
    /// - Throws: `diskFull`, with the sizes, where there is less.
    func admitOnDisk(_ what: String, size: Int) throws {
        let space = try DiskSpace(at: directory)
        guard size > space.free else { return }
        throw Problem(
            .diskFull,
            "\(what) takes \(Self.text(size)), and of the \(Self.text(space.total)) where the job lies "
                + "\(Self.text(space.free)) are free",
            remedy: size > space.total
                ? "Make the model smaller, or the file system larger." : "Make space, then release the job.",
            file: directory)
    }

    /// How large images go through an autoencoder: layers that are too large for memory lie beside the saved states, and a stop is
    /// heard between tiles.
    var tiling: Tiling { Tiling(directory: checkpoints, beforeTile: stop.check) }
}

extension Tiling {
    /// The same memory, with no job: in a rehearsal nothing is written.
    static var rehearsed: Tiling { Tiling(directory: "/") }
}
