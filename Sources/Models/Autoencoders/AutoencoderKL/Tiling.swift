/// How large images go through an autoencoder in tiles. Nothing here changes a bit of the result but `side`.
public struct Tiling {
    /// Height and width of a tile, in latents; nil: those of 256 x 256 pixels. What is at most 2 x 2 tiles is computed as a whole.
    public var side: Int?
    /// Where results on the way that are larger than `largestInMemory` are kept, in files without names; nil: in memory, all
    /// of them.
    public var directory: String?
    /// Bytes.
    public var largestInMemory = 1 << 29
    /// Called before each tile, and before what is computed as a whole; what it throws ends the work.
    public var beforeTile: () throws -> Void

    public init(side: Int? = nil, directory: String? = nil, beforeTile: @escaping () throws -> Void = {}) {
        self.side = side
        self.directory = directory
        self.beforeTile = beforeTile
    }

    /// The directory for a result of so many floats, where it is not kept in memory.
    func directory(for count: Int) -> String? {
        count > largestInMemory / MemoryLayout<Float>.stride ? directory : nil
    }
}
