internal import DurableFiles
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
}
