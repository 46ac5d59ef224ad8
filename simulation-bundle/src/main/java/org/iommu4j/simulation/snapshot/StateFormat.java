package org.iommu4j.simulation.snapshot;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** Numbers of the form that the package describes. */
final class StateFormat {
    static final int MAGIC = 0x49344A53;
    static final int FORM = 1;

    /** Bytes before the sections, without the name of the kind. */
    static final int HEADER_BYTES = 16;

    static final int CHECKSUM_BYTES = Integer.BYTES;

    static final int MAX_NAME_BYTES = 255;

    private StateFormat() {}

    static int checksum(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(ByteBuffer.wrap(bytes, 0, length));
        return (int) crc.getValue();
    }
}
