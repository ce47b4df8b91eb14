import CKernels
import Testing

struct ConvertTests {
    /// All 65,536 of them, fast and plain.
    @Test func everyHalfAndBfloat16IsWidenedExactly() {
        let codes = Block<UInt16>((0...UInt16.max).map { $0 }, misalignedBy: 1)
        let (fast, reference) = (Floats(count: codes.count, misalignedBy: 1), Floats(count: codes.count))
        ck_float_from_half(fast.pointer, codes.pointer, codes.count)
        ck_ref_float_from_half(reference.pointer, codes.pointer, codes.count)
        expectAgreement(fast, reference, relative: 0, absolute: 0, "half")
        #expect(fast.pointer[0x8000].sign == .minus && fast.pointer[0x0001] == 0x1p-24 && fast.pointer[0x7bff] == 65504)
        let back = Block<UInt16>([UInt16](repeating: 0, count: codes.count))
        ck_half_from_float(back.pointer, fast.pointer, codes.count)
        #expect(
            zip(back.values, codes.values).allSatisfy { $0 == $1 || ($1 & 0x7fff) > 0x7c00 && ($0 & 0x7fff) > 0x7c00 })

        ck_float_from_bfloat16(fast.pointer, codes.pointer, codes.count)
        ck_ref_float_from_bfloat16(reference.pointer, codes.pointer, codes.count)
        #expect(fast.bits == reference.bits)
        ck_bfloat16_from_float(back.pointer, fast.pointer, codes.count)
        #expect(
            zip(back.values, codes.values).allSatisfy { $0 == $1 || ($1 & 0x7fff) > 0x7f80 && ($0 & 0x7fff) > 0x7f80 })
    }

    @Test func narrowingRoundsToTheNearestEven() {
        var values: [Float] = [0, -0.0, 1, 65504, 65519.996, 65520, 65536, 1e6, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-14]
        values += [0x1.ffcp-15, 0x1.ffep-15, .infinity, -.infinity, .nan, 1.00048828125, 1.00146484375, 0x1p-133]
        for exponent in -30..<20 {
            for step in 0..<40 {
                values.append(Float(sign: .plus, exponent: exponent, significand: 1 + Float(step) / 37))
            }
        }
        let x = Floats(values, misalignedBy: 1)
        let zeros = [UInt16](repeating: 0, count: values.count)
        let (fast, reference) = (Block(zeros, misalignedBy: 1), Block(zeros))
        ck_half_from_float(fast.pointer, x.pointer, x.count)
        ck_ref_half_from_float(reference.pointer, x.pointer, x.count)
        for (i, value) in values.enumerated() {
            #expect(fast.pointer[i] == reference.pointer[i] || value.isNaN, "half of \(value)")
        }
        #expect(fast.pointer[16] & 0x7fff > 0x7c00 && fast.isIntact)
        ck_bfloat16_from_float(fast.pointer, x.pointer, x.count)
        ck_ref_bfloat16_from_float(reference.pointer, x.pointer, x.count)
        for (i, value) in values.enumerated() {
            #expect(fast.pointer[i] == reference.pointer[i], "bfloat16 of \(value)")
        }
    }

    @Test func bytesThereAndBack() {
        let bytes = Block<UInt8>((0...UInt8.max).map { $0 }, misalignedBy: 1)
        let (fast, reference) = (Floats(count: 256, misalignedBy: 1), Floats(count: 256))
        ck_float_from_bytes(fast.pointer, bytes.pointer, 2 / 255, -1, 256)
        ck_ref_float_from_bytes(reference.pointer, bytes.pointer, 2 / 255, -1, 256)
        expectAgreement(fast, reference, absolute: 1e-7)
        let back = Block<UInt8>([UInt8](repeating: 0, count: 256))
        ck_bytes_from_float(back.pointer, fast.pointer, 127.5, 127.5, 256)
        #expect(back.values == bytes.values && back.isIntact)
        let odd = Floats([.nan, .infinity, -.infinity, -3, 300, 0.5, 1.5, 254.5] + [Float](repeating: 7.49, count: 20))
        let (small, plain) = (
            Block([UInt8](repeating: 9, count: odd.count)), Block([UInt8](repeating: 9, count: odd.count))
        )
        ck_bytes_from_float(small.pointer, odd.pointer, 1, 0, odd.count)
        ck_ref_bytes_from_float(plain.pointer, odd.pointer, 1, 0, odd.count)
        #expect(small.values == plain.values)
        #expect(Array(small.values[..<8]) == [0, 255, 0, 0, 255, 0, 2, 254])
    }
}
