/// Two uniforms made into two normals (Box & Muller 1958), in single precision, as PyTorch's vectorised CPU path does it.
///
/// The logarithm, sine and cosine are the polynomials of Cephes (Moshier 1989) evaluated with fused multiply-adds, in the
/// order in which PyTorch evaluates them: that makes its normals reproducible to the bit.
enum BoxMuller {
    /// `sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v)`.
    ///
    /// - Parameters:
    ///   - u: in (0, 1], gives the radius.
    ///   - v: in [0, 1), gives the angle.
    @inline(__always)
    static func normals(_ u: Float, _ v: Float) -> (Float, Float) {
        let radius = (-2 * logarithm(u)).squareRoot()
        let (sine, cosine) = sineAndCosine(twoPi * v)
        return (radius * cosine + 0, radius * sine + 0)  // no negative zeros
    }

    /// 2 pi to the nearest Float; `2 * Float.pi` would be one unit smaller, since Swift rounds `Float.pi` towards zero.
    private static let twoPi = Float(2 * Double.pi)

    /// Natural logarithm of a normal number `x > 0`: `x = m 2^e` with m in [sqrt(1/2), sqrt(2)), then ln m by a polynomial.
    @inline(__always)
    static func logarithm(_ x: Float) -> Float {
        let bits = x.bitPattern
        var e = Float(Int32(bits >> 23) - 126)
        var m = Float(bitPattern: bits & 0x007f_ffff | 0x3f00_0000)  // [1/2, 1)
        if m < 0.707_106_77 {
            e -= 1
            m += m - 1
        } else {
            m -= 1
        }
        let z = m * m
        var y: Float = 7.037_683_629_2e-2
        y = (-1.151_461_031_0e-1 as Float).addingProduct(y, m)
        y = (1.167_699_874_0e-1 as Float).addingProduct(y, m)
        y = (-1.242_014_084_6e-1 as Float).addingProduct(y, m)
        y = (1.424_932_278_7e-1 as Float).addingProduct(y, m)
        y = (-1.666_805_766_5e-1 as Float).addingProduct(y, m)
        y = (2.000_071_476_5e-1 as Float).addingProduct(y, m)
        y = (-2.499_999_399_3e-1 as Float).addingProduct(y, m)
        y = (3.333_333_117_4e-1 as Float).addingProduct(y, m)
        y *= m
        // ln 2 in two parts, the larger of which has so few bits that its product with e is exact.
        y = (e * -2.121_944_40e-4).addingProduct(y, z)
        y -= 0.5 * z
        return (m + y).addingProduct(e, 0.693_359_375)
    }

    /// Sine and cosine of `x` in [0, 2 pi]: reduced to [-pi/4, pi/4] by multiples of pi/2, then a polynomial each.
    @inline(__always)
    static func sineAndCosine(_ x: Float) -> (sine: Float, cosine: Float) {
        let octant = (Int32(x * 1.273_239_544_735_16) + 1) & ~1
        let j = Float(octant)
        // pi/4 in three parts (Cody & Waite), so that the difference keeps all its bits.
        let r = x.addingProduct(j, -0.785_156_25).addingProduct(j, -2.418_756_484_985_351_562_5e-4)
            .addingProduct(j, -3.774_894_977_445_941_08e-8)
        let z = r * r

        var c = (-1.388_731_625_493_765e-3 as Float).addingProduct(2.443_315_711_809_948e-5, z)
        c = (4.166_664_568_298_827e-2 as Float).addingProduct(c, z)
        c = (-0.5 * z).addingProduct(c * z, z) + 1

        var s = (8.332_160_873_6e-3 as Float).addingProduct(-1.951_529_589_1e-4, z)
        s = (-1.666_665_461_1e-1 as Float).addingProduct(s, z)
        s = r.addingProduct(s * z, r)

        let swapped = octant & 2 != 0
        let sine = swapped ? c : s
        let cosine = swapped ? s : c
        return (octant & 4 != 0 ? -sine : sine, (octant - 2) & 4 == 0 ? -cosine : cosine)
    }
}
