package org.iommu4j.s390.command;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Words;

/** Content of an availability event, docs/spec/s390-zpci.md 3.4; 32 bytes. */
public final class AvailabilityRecord {
    private static final Layout.Builder RECORD =
            Layout.named("ccdf_availability").size(256).bigEndian().msb0().spec("zPCI, docs/spec/s390-zpci.md 3.4");
    public static final BitField HANDLE = RECORD.bits("handle", 32, 63, about("function handle"));
    public static final BitField FID = RECORD.bits("fid", 64, 95, about("function id"));

    /** Event code, see {@link EventCode}. */
    public static final BitField PEC = RECORD.bits("pec", 240, 255, about("event code"));

    public static final Layout LAYOUT = RECORD.build();

    private AvailabilityRecord() {}

    /** A record of a function that came, went or is asked to go. */
    public static byte[] of(int handle, int fid, int code) {
        return Words.of(LAYOUT)
                .set(HANDLE, Integer.toUnsignedLong(handle))
                .set(FID, Integer.toUnsignedLong(fid))
                .set(PEC, code)
                .encode();
    }
}
