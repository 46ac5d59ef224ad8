package org.iommu4j.arm.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.EffectForm;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Effect;
import org.iommu4j.contract.InvalidateRequest;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Commands of guests, typed from IHI 0070 4.3 to 4.7, and what they drop. */
class EffectGoldenTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0302 | 10 | 0 | translations",
                "0302 | 30 | 0 | carried over: 0000000000000030 0000000000000000",
                "0302 | 28 | 0 | outer translations",
                "0302 | 30002a | 7401 | outer translations from 0x7000 to 0xefff of granules of 2^12 bytes, last level only",
                "0302 | 7000000000011 | 0 | translations of space 7",
                "0302 | 7000000000012 | 40000000 | translations of space 7 and those of all from 0x40000000 to"
                        + " 0x40000fff",
                "0302 | 13 | ffff000000010001 | translations from 0xffff000000010000 to 0xffff000000010fff, last level"
                        + " only",
                "0302 | 300013 | 7401 | translations from 0x7000 to 0xefff of granules of 2^12 bytes, last level only",
                "0302 | 3012 | 10e00 | translations of space 0 and those of all from 0x10000 to 0x4ffff of granules of"
                        + " 2^16 bytes at level 2",
                "0303 | 101012 | 40000900 | translations of space 0 and those of all from 0x40000000 to 0x4000ffff of"
                        + " granules of 2^14 bytes",
                "0304 | 101012 | 40000900 | translations of space 0 and those of all from 0x40000000 to 0x4000ffff of"
                        + " granules of 2^14 bytes at level 1",
                "0304 | 271f013 | ffffffffff400 | translations from 0xffffffffff000 to 0xfffffffffffff of granules of"
                        + " 2^12 bytes",
                "0304 | 271f013 | fffffffffffff400 | translations from 0xfffffffffffff000 to 0xffffffffffffffff of"
                        + " granules of 2^12 bytes",
                "0302 | 1a800005005 | 1 | contexts of space 5 of device 0x1a8, last level only",
                "0302 | 1a800000006 | 0 | contexts of device 0x1a8",
                "0302 | 1a800005a40 | 10003 | device tlbs of space 5 and those of all of device 0x1a8 from 0x10000 to"
                        + " 0x17fff",
                "0302 | 1a800000240 | 34 | device tlbs without PASID of device 0x1a8",
                "0302 | 1a800000040 | 34 | device tlbs without PASID of device 0x1a8",
                "0302 | 1a800001044 | 9 | carried over: 000001a800001044 0000000000000009",
                "0200 | 620 | 7000000000010 | translations of space 7 and those of all from 0x10000 to 0x10fff, last"
                        + " level only",
                "0200 | 630 | 80000 | outer translations from 0x80000000 to 0x80000fff",
                "0200 | 7f0 | 0 | nothing"
            })
    void shouldReadWhatACommandDrops(String generation, String word0, String word1, String effect) {
        EffectForm form = SmmuForms.ALL.stream()
                .filter(one -> one.subVersion() == Integer.parseInt(generation, 16))
                .findFirst()
                .orElseThrow();
        byte[] payload = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(Long.parseUnsignedLong(word0, 16))
                .putLong(Long.parseUnsignedLong(word1, 16))
                .array();
        InvalidateRequest request =
                new InvalidateRequest().set(0, 0, 0, 0, 0, SmmuGeneration.V3_0, payload, 0, payload.length);
        Effect read = new Effect();
        Completion completion = new Completion().begin();
        assertEquals(0, form.read(request, 0, read, completion), completion::toString);
        assertEquals(effect, read.toString());
    }
}
