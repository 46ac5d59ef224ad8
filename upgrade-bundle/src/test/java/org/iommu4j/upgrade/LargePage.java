package org.iommu4j.upgrade;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A guest of VT-d with one page of 2 MiB, as a trace and an image of its memory. Tables stand at 0x1000 to 0x4fff. */
public final class LargePage {
    private static final int ROOT = 0x1000;
    private static final int CONTEXT = 0x2000;
    private static final int DEVFN = 0x18;
    private static final int ENTRY_BYTES = 16;

    private LargePage() {}

    /** Its trace, with two places of the page. */
    public static Path trace(Path file) {
        return write(file, """
                vtd_reg_write addr 0x20 size 0x8 value 0x1000
                vtd_reg_write addr 0x18 size 0x4 value 0x40000000
                vtd_reg_write addr 0x18 size 0x4 value 0x80000000
                vtd_dmar_translate dev 00:03.00 iova 0x205000 -> gpa 0x605000 mask 0x1fffff
                vtd_dmar_translate dev 00:03.00 iova 0x207000 -> gpa 0x607000 mask 0x1fffff
                """.getBytes(StandardCharsets.UTF_8));
    }

    /** Its memory from address 0 on. */
    public static Path image(Path file) {
        ByteBuffer memory = ByteBuffer.allocate(0x5000).order(ByteOrder.LITTLE_ENDIAN);
        memory.putLong(ROOT, CONTEXT | 1);
        memory.putLong(CONTEXT + DEVFN * ENTRY_BYTES, 0x3001);
        memory.putLong(CONTEXT + DEVFN * ENTRY_BYTES + Long.BYTES, 0x301);
        memory.putLong(0x3000, 0x4003);
        memory.putLong(0x4000 + Long.BYTES, 0x60_0083);
        return write(file, memory.array());
    }

    private static Path write(Path file, byte[] bytes) {
        try {
            return Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
