import Configurations
import Models
import NeuralNet
import NumericTestSupport
import TensorCore
import Testing

/// An autoencoder in tiles gives what it gives at once, but for rounding, in less memory.
@Suite struct AutoencoderTilesTests {
    private static func model(
        _ channels: [Int], groups: Int = 2, layers: Int = 1, attention: Bool = true,
        activation: UNet2DConfiguration.Activation = .silu, on device: Device
    ) -> AutoencoderKL {
        var c = AutoencoderKLConfiguration()
        (c.blockOutChannels, c.normNumGroups, c.layersPerBlock, c.latentChannels) = (channels, groups, layers, 2)
        (c.downBlockTypes, c.upBlockTypes) = (channels.map { _ in .plain }, channels.map { _ in .plain })
        (c.midBlockAddAttention, c.actFn) = (attention, activation)
        let model = AutoencoderKL(c, on: device)
        model.initialize(seed: 1)
        return model
    }

    /// Flat, but for a disc near a corner: hardly any tile is like the whole.
    private func disc(_ height: Int, _ width: Int, on device: Device) -> Tensor {
        var values: [Float] = []
        for y in 0..<height {
            for x in 0..<width {
                let isInside = (x - 24) * (x - 24) + (y - 20) * (y - 20) < 12 * 12
                values += isInside ? [0.8, 0.5, -0.7] : [-0.6, -0.2, 0.3]
            }
        }
        return Tensor(values, shape: [1, height, width, 3], on: device)
    }

    private func noise(_ shape: Shape, on device: Device) -> Tensor {
        .normal(shape, seed: 2, purpose: .dataset, on: device)
    }

    private func expectSameAsWhole(_ model: AutoencoderKL, _ x: Tensor, side: Int) throws {
        let (whole, tiled) = (model.encode(x), try model.encodeTiled(x, side: side))
        #expect(relativeError(tiled.mean, whole.mean) < 2e-5)
        #expect(relativeError(tiled.logVariance, whole.logVariance) < 2e-5)
        #expect(relativeError(try model.decodeTiled(whole.mean, side: side), model.decode(whole.mean)) < 2e-5)
    }

    /// Sides of tiles that divide the picture and that do not, down to a single latent; levels that are halved up to three times.
    @Test(arguments: [([4], 16), ([4, 8], 8), ([4, 8], 5), ([4, 8, 8], 6), ([4, 8, 8], 1), ([8, 4, 8, 8], 3)])
    func isTheWhole(_ channels: [Int], side: Int) throws {
        let device = Device(threads: 2)
        let model = Self.model(channels, on: device)
        try expectSameAsWhole(model, disc(96, 136, on: device), side: side)
        try expectSameAsWhole(model, noise([2, 72, 40, 3], on: device), side: side)
    }

    @Test func otherBlocks() throws {
        let device = Device(threads: 2)
        let x = noise([1, 56, 88, 3], on: device)
        try expectSameAsWhole(Self.model([4, 8], layers: 2, attention: false, on: device), x, side: 7)
        try expectSameAsWhole(Self.model([4, 8], activation: .gelu, on: device), x, side: 9)
    }

    /// What each pixel is does not depend on threads, nor on what else is in the batch.
    @Test func sameBits() throws {
        func decoded(threads: Int) throws -> (both: [Float], second: [Float], latents: [Float]) {
            let device = Device(threads: threads)
            let model = Self.model([16, 32], on: device)
            let (z, x) = (noise([2, 20, 30, 2], on: device), noise([1, 50, 70, 3], on: device))
            let second = try model.decodeTiled(z.sliced(axis: 0, 1..<2), side: 8)
            return (
                try model.decodeTiled(z, side: 8).array(), second.array(),
                try model.encodeTiled(x, side: 8).mean.array()
            )
        }
        let (one, three) = (try decoded(threads: 1), try decoded(threads: 3))
        #expect(haveSameBits(one.both, three.both) && haveSameBits(one.latents, three.latents))
        #expect(haveSameBits(Array(one.both.suffix(one.second.count)), one.second))
    }

    /// A stop waits for a tile at most.
    @Test func endsBeforeAnyTile() throws {
        struct Ended: Error {}
        let device = Device(threads: 2)
        let model = Self.model([4, 8], on: device)
        let (z, x) = (noise([1, 30, 20, 2], on: device), noise([1, 60, 40, 3], on: device))
        func check(_ calls: inout Int, upTo limit: Int) throws {
            calls += 1
            if calls > limit { throw Ended() }
        }
        for work: (() throws -> Void) throws -> Void in [
            { _ = try model.decodeTiled(z, side: 8, beforeTile: $0) },
            { _ = try model.encodeTiled(x, side: 8, beforeTile: $0) },
        ] {
            var all = 0
            try work { try check(&all, upTo: .max) }
            // 4 x 3 tiles, once for each norm of a part and once for its result.
            #expect(all >= 48 && all % 12 == 0, "\(all)")
            for limit in [0, 1, all / 2, all - 1] {
                var calls = 0
                #expect(throws: Ended.self) { try work { try check(&calls, upTo: limit) } }
                #expect(calls == limit + 1)
            }
        }
    }

    @Test func whatIsSmallIsNotCut() throws {
        let device = Device(threads: 2)
        let model = Self.model([4, 8], on: device)
        let (z, x) = (noise([1, 24, 16, 2], on: device), noise([1, 32, 48, 3], on: device))
        #expect(haveSameBits(try model.decodeTiled(z, side: 12).array(), model.decode(z).array()))
        #expect(haveSameBits(try model.encodeTiled(x, side: 12).mean.array(), model.encode(x).mean.array()))
    }

    /// Told by rehearsals, of a network with the proportions of Stable Diffusion's.
    @Test(arguments: [1024, 1536]) func takesLessMemory(_ side: Int) throws {
        func peak(_ compute: (AutoencoderKL, Device) throws -> Tensor) throws -> Int {
            let device = Device.rehearsal()
            let model = Self.model([16, 32, 64, 64], groups: 8, layers: 2, on: device)
            let before = device.memory.used
            device.resetPeakMemory()
            _ = try compute(model, device)
            return device.memory.peak - before
        }
        let (pictures, latents): (Shape, Shape) = ([1, side, side, 3], [1, side / 8, side / 8, 2])
        let decoding = (
            try peak { try $0.decodeTiled(.zeros(latents, on: $1)) }, try peak { $0.decode(.zeros(latents, on: $1)) }
        )
        #expect(decoding.0 * 2 < decoding.1)
        let encoding = (
            try peak { try $0.encodeTiled(.zeros(pictures, on: $1)).mean },
            try peak { $0.encode(.zeros(pictures, on: $1)).mean }
        )
        #expect(encoding.0 * 2 < encoding.1)
    }
}
